# Beside an old transaction, which keeps every dead row, a claim, an acquire and a pass read no more the more of them there
# have been; and whatever becomes the oldest one later, in whatever way, comes first.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use PrebuildsTest;

# The launcher takes the only worker slot: no sweep comes but the test's own.
my $node = start_node('marks', 'max_worker_processes = 1', 'max_prepared_transactions = 2', 'autovacuum = off');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
$node->safe_psql('postgres', <<"SQL");
\\i $FindBin::Bin/../../sql/include/pool.sql
SELECT pg_temp.prebuild(:'small', 'prebuild-' || n, n * interval '1 second') FROM generate_series(0, 299) AS n;
UPDATE prebuilds.template_version_presets SET desired_instances = 50;  -- what claims will leave
SELECT prebuilds_register_provisioner('acme', 'daemon', tags => '{"zone": "eu"}');

CREATE SCHEMA test;
CREATE TABLE test.costs (what text, n int, entries int);
CREATE FUNCTION test.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;
CREATE FUNCTION test.small() RETURNS uuid LANGUAGE sql RETURN (SELECT id FROM prebuilds.template_version_presets);
CREATE FUNCTION test.daemon() RETURNS uuid LANGUAGE sql RETURN (SELECT id FROM prebuilds.provisioner_daemons);
-- The number of the job that was acquired.
CREATE FUNCTION test.acquire() RETURNS text LANGUAGE sql AS
\$\$ SELECT ltrim(replace(job_id::text, '-', ''), '0') FROM prebuilds_acquire_job(test.daemon()) \$\$;
-- A pending job of ann's, younger the higher its number.
CREATE PROCEDURE test.post(first int, last int DEFAULT NULL, tags jsonb DEFAULT '{"zone": "eu"}') LANGUAGE sql AS
\$\$ INSERT INTO prebuilds.provisioner_jobs (id, created_at, organization_id, initiator_id, tags)
   SELECT test.id(n), '2025-06-02'::timestamptz + n * interval '1 second', o.id, u.id, post.tags
     FROM generate_series(first, coalesce(last, first)) AS n, prebuilds.organizations o, prebuilds.users u
    WHERE u.username = 'ann' \$\$;

-- The entries, dead ones too, that have been read from the indexes of what is worked off oldest first.
CREATE FUNCTION test.entries_read() RETURNS bigint LANGUAGE sql RETURN (
    SELECT sum(pg_stat_get_xact_tuples_returned(i)) FROM unnest('{prebuilds.live_prebuilds_claim_idx, prebuilds.live_prebuilds_pool_idx,
                                                                prebuilds.provisioner_jobs_pending_idx}'::regclass[]) AS i);
-- Runs a statement so many times, each in a transaction of its own.
CREATE PROCEDURE test.measure(what text, statement text, times int) LANGUAGE plpgsql AS \$\$
DECLARE
    before bigint;
BEGIN
    FOR n IN 1 .. times LOOP
        before := test.entries_read();
        EXECUTE format(statement, n);
        INSERT INTO test.costs VALUES (what, n, test.entries_read() - before);
        COMMIT;
    END LOOP;
END \$\$;
SQL

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The most entries that one of these calls has read.
sub most { my ($what, $first, $last) = @_; return sql("SELECT max(entries) FROM test.costs WHERE what = '$what' AND n BETWEEN $first AND $last") }

# The first pass derives everything once more, and forgets all marks.
sql('SELECT prebuilds_pause(); SELECT prebuilds_reconcile_all(); SELECT prebuilds_resume()');

# ---- cost ----
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM prebuilds.live_prebuilds');

my $claim = q{SELECT prebuilds_claim(test.small(), (SELECT id FROM prebuilds.users WHERE username = 'ann'), 'dev-%s', build => false)};
sql("CALL test.measure('claim', \$\$$claim\$\$, 250)");
is(sql(q{SELECT string_agg(name, ' ' ORDER BY created_at) FROM prebuilds.workspaces WHERE name IN ('dev-1', 'dev-2', 'dev-250')}),
    'dev-1 dev-2 dev-250', 'the oldest prebuild is claimed first');
cmp_ok(most('claim', 2, 250), '<', 10, 'the 250th claim finds its prebuild where the second did');

my $pass = 'SELECT FROM prebuilds_reconcile_preset(test.small())';
sql("CALL test.measure('pass', \$\$$pass\$\$, 3)");
cmp_ok(most('pass', 1, 1), '>', 300, 'the first pass counts the pool and walks over what has been claimed from it');
cmp_ok(most('pass', 2, 3), '<=', 110, 'the next ones those that are left');
is(sql("SELECT string_agg(actual::text, ' ') FROM prebuilds_status()"), '50', 'as the status does');
is(sql('BEGIN; ' . sprintf("$claim IS NOT NULL", 'rolled-back') . '; SELECT created FROM prebuilds_reconcile_preset(test.small()); ROLLBACK'), "t\n1",
    'a pass replaces what its own transaction claimed');
is(sql('SELECT presets_reconciled FROM prebuilds_reconcile_preset(test.small())'), 0, 'and counts it again once that is rolled back');
sql(q{CREATE TABLE test.returned AS SELECT * FROM prebuilds.workspaces WHERE name = 'dev-1';
      UPDATE prebuilds.workspaces SET owner_id = prebuilds.system_user_id(), ttl = NULL WHERE name = 'dev-1'});
is(sql('SELECT presets_total FROM prebuilds_reconcile_preset(test.small())'), 1, 'an old prebuild that is there again counts');
sql(q{UPDATE prebuilds.workspaces AS w SET owner_id = r.owner_id, ttl = r.ttl FROM test.returned AS r WHERE w.id = r.id});

sql($pass);
sql('SELECT prebuilds_reconcile_all()');
sql("CALL test.measure('pass after a sweep', \$\$$pass\$\$, 1)");
cmp_ok(most('pass after a sweep', 1, 1), '<=', 110, 'a sweep does not make the pass forget');

sql('CALL test.post(1001, 1300)');
sql(q{CALL test.measure('acquire', 'SELECT test.acquire()', 300)});
cmp_ok(most('acquire', 2, 300), '<', 10, 'the 300th acquire finds its job where the second did');
sql(q{CALL test.measure('acquire from nothing', 'SELECT test.acquire()', 10)});
is(most('acquire from nothing', 2, 10), 0, 'once nothing was found nothing is read');
is(sql('SELECT count(*) FROM prebuilds.provisioner_jobs WHERE started_at IS NOT NULL AND completed_at IS NULL'), 300, 'all jobs were acquired');

# ---- order ----
sql('CALL test.post(1400, 1404)');
is(sql('SELECT test.acquire()'), '1400', 'the oldest job comes first');
sql('CALL test.post(900)');
is(sql('SELECT test.acquire()'), '900', 'an older job that comes later goes before it');
is(sql('BEGIN; SELECT test.acquire(); ROLLBACK; SELECT test.acquire()'), "1401\n1401", 'a job that was acquired by a transaction that rolled back');
is(sql('BEGIN; SAVEPOINT s; SELECT test.acquire(); ROLLBACK TO s; SELECT test.acquire(); ROLLBACK TO s; COMMIT; SELECT test.acquire()'),
    "1402\n1402\n1402", 'by one that went back to a savepoint');
is(sql('BEGIN; CALL test.post(901); SELECT test.acquire(); ROLLBACK; SELECT test.acquire()'), "901\n1403", 'a job of the own transaction');
sql(q{UPDATE prebuilds.provisioner_jobs SET started_at = NULL, worker_id = NULL WHERE id = test.id(1002)});
is(sql('SELECT test.acquire()'), '1002', 'a job that is pending again');
sql(q{UPDATE prebuilds.provisioner_jobs SET created_at = '2025-06-02' WHERE id = test.id(1404); CALL test.post(902)});
is(sql('SELECT test.acquire()'), '1404', 'a job that was made older');

sql(q{UPDATE prebuilds.provisioner_jobs SET error = 'broken' WHERE id = test.id(900);
      UPDATE prebuilds.provisioner_jobs SET started_at = NULL, worker_id = NULL WHERE id = test.id(900)});
is(sql('SELECT test.acquire()'), '900', 'a job with an error that is in the queue again');

is(sql(q{BEGIN; SELECT test.acquire(); PREPARE TRANSACTION 'acquire'}), '902', 'one that is acquired by a prepared transaction');
is(sql(q{SELECT test.acquire()}), '', 'is not acquired again');
sql(q{ROLLBACK PREPARED 'acquire'});
is(sql(q{SELECT test.acquire()}), '902', 'until that is rolled back');

# ---- several queues ----
sql(q{CALL test.post(1501); CALL test.post(1503, 1504, '{"zone": "eu", "disk": "big"}'); CALL test.post(1505, 1506)});
sql(q{UPDATE prebuilds.provisioner_daemons SET tags = tags || '{"disk": "big"}'});
# As several transactions leave it that added the same queue at once.
sql('INSERT INTO prebuilds.job_queues (queue_key, organization_id, provisioner, owner, tags) SELECT queue_key, organization_id, provisioner, owner, tags FROM prebuilds.job_queues');
my $other = $node->background_psql('postgres');
$other->query_safe('BEGIN; SELECT FROM prebuilds.provisioner_jobs WHERE id IN (test.id(1501), test.id(1504)) FOR UPDATE');
is(sql('SELECT test.acquire()'), '1503', 'past a locked job comes the oldest of any queue');
is(sql('SELECT test.acquire()'), '1505', 'and the oldest of the first queue again');
is(sql('SELECT test.acquire()'), '1506', 'and the rest of it');
is(sql('SELECT test.acquire()'), '', 'but nothing that is locked');
$other->query_safe('ROLLBACK');
$other->quit;
is(sql('SELECT test.acquire(); SELECT test.acquire()'), "1501\n1504", 'once it is not, in order');

# ---- what nobody saw ----
sql('ALTER TABLE prebuilds.provisioner_jobs DISABLE TRIGGER USER; CALL test.post(700); ALTER TABLE prebuilds.provisioner_jobs ENABLE TRIGGER USER');
sql('SELECT prebuilds_reconcile_all()');
is(sql('SELECT test.acquire()'), '700', 'a job that no trigger saw comes after the next sweep at the latest');
sql(q{CALL test.post(1600, 1601)});
is(sql('SELECT test.acquire()'), '1600', 'the marks of the queue are in use');
sql(q{SELECT prebuilds_reconcile_all(); SELECT prebuilds_reconcile_all(); CALL test.measure('acquire after sweeps', 'SELECT test.acquire()', 1)});
cmp_ok(most('acquire after sweeps', 1, 1), '>', 300, 'a mark that nobody uses is forgotten');
sql(q{CALL test.post(1602); SELECT prebuilds_reconcile_all(); CALL test.measure('acquire after a sweep', 'SELECT test.acquire()', 1)});
cmp_ok(most('acquire after a sweep', 1, 1), '<', 10, 'and one that somebody used is not');

# ---- pools ----
sub claimed { my ($name) = @_; return sql(sprintf($claim, $name) . qq{ IS NOT NULL; SELECT round(extract(epoch FROM (SELECT max(created_at) FROM prebuilds.workspaces WHERE name = 'prebuild-0') - created_at)) FROM prebuilds.workspaces WHERE name = 'dev-$name'}) }
sub agents
{
    my ($prebuild, $state) = @_;
    return <<"SQL";
UPDATE prebuilds.workspace_agents AS a SET lifecycle_state = '$state'
  FROM prebuilds.workspaces AS w, prebuilds.workspace_builds AS b, prebuilds.workspace_resources AS r
 WHERE w.name = '$prebuild' AND b.workspace_id = w.id AND r.job_id = b.job_id AND a.resource_id = r.id
SQL
}
sql(agents('prebuild-49', 'starting'));
sql(agents('prebuild-48', 'starting'));
is(claimed('a'), "t\n47", 'a prebuild that is not ready is passed over');
sql(agents('prebuild-48', 'ready'));
is(claimed('b'), "t\n48", 'once it is ready it is claimed before younger ones');
sql('BEGIN; ' . agents('prebuild-49', 'ready') . q{; PREPARE TRANSACTION 'ready'});
is(claimed('c'), "t\n46", 'one whose readiness is prepared is passed over');
sql(q{COMMIT PREPARED 'ready'});
is(claimed('d'), "t\n49", 'and claimed once that is committed');
is(sql('BEGIN; ' . sprintf($claim, 'e') . ' IS NOT NULL; ROLLBACK'), 't', 'a claim is rolled back');
is(claimed('e'), "t\n45", 'and its prebuild is claimed next');
sql(agents('prebuild-44', 'starting'));
is(claimed('f'), "t\n43", 'another one that is not ready');
sql('ALTER TABLE prebuilds.workspace_agents DISABLE TRIGGER USER; ' . agents('prebuild-44', 'ready') . q{;
     UPDATE prebuilds.live_prebuilds AS l SET ready = true FROM prebuilds.workspaces AS w WHERE w.id = l.workspace_id AND w.name = 'prebuild-44'});
is(claimed('g'), "t\n42", 'is passed over while no trigger has seen that it is ready');
sql('SELECT prebuilds_reconcile_all()');
is(claimed('h'), "t\n44", 'until the next sweep');
$old->quit;

$node->stop;
done_testing();
