# A large pass of the worker is written by as many processes as the setting allows, whatever becomes of one of them.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use WorkerTest;
use Test::More;

my $here = abs_path(dirname(__FILE__));
my ($pools, $desired) = (24, 200);    # enough to be written by three
my $created = $pools * $desired;
my $db = 'postgres';

sub install
{
    my ($node, $database) = @_;
    $node->safe_psql($database, "CREATE EXTENSION pg_prebuilds;\n\\i $here/../fixtures/invariants.sql\nSELECT prebuilds_worker_start();");
    $node->safe_psql($database, <<"SQL");
SELECT count(*) FROM prebuilds_push_template('acme', 'web', 'v1',
    (SELECT jsonb_agg(jsonb_build_object('name', 'pool-' || i, 'prebuilds', '{"instances": 1}'::jsonb)) FROM generate_series(1, $pools) AS i))
SQL
    full($node, $database, 1);
    clear($node, $database);
    return;
}

sub desire { my ($node, $database, $count) = @_; $node->safe_psql($database, "UPDATE prebuilds.template_version_presets SET desired_instances = $count"); return }

# All that passes have left behind, and what they would make again.
sub clear
{
    my ($node, $database) = @_;
    desire($node, $database, 0);
    $node->safe_psql($database, 'TRUNCATE prebuilds.workspaces, prebuilds.provisioner_jobs, prebuilds.reconcile_passes CASCADE');
    return;
}

# Waits until every pool has so many prebuilds.
sub full
{
    my ($node, $database, $count) = @_;
    return $node->poll_query_until($database, <<"SQL");
SELECT count(*) = $pools AND min(n) = $count AND max(n) = $count
FROM (SELECT count(*) AS n FROM prebuilds.live_prebuilds WHERE job_status <> 'failed' GROUP BY preset_id) AS pools
SQL
}

my $node = start_node('main', 'log_min_messages = debug1', 'restart_after_crash = on', "prebuilds.reconciliation_interval = '1h'");
install($node, $db);
$node->safe_psql($db, <<'SQL');
CREATE TABLE refused (preset_id uuid);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.refused WHERE preset_id = NEW.template_version_preset_id) THEN RAISE 'no more of these'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON prebuilds.workspace_builds FOR EACH ROW EXECUTE FUNCTION refuse();
SQL
my $offset;

sub query { my ($sql) = @_; return $node->safe_psql($db, $sql) }

# Writers that were started since the mark: the postmaster says so.
sub mark { $offset = -s $node->logfile; return }

sub started
{
    my ($server, $from) = @_;
    my $log = slurp_file($server->logfile, $from);
    return scalar(() = $log =~ /starting background worker process "pg_prebuilds writer"/g);
}

sub limit
{
    my ($limit) = @_;
    query("ALTER SYSTEM SET prebuilds.reconciliation_concurrency = $limit");
    $node->reload;
    $node->poll_query_until($db, 'SHOW prebuilds.reconciliation_concurrency', $limit);
    return;
}

my $writers = q{FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds writer' AND datname = current_database()};

# Makes empty pools want to be filled, with a lock held that no writer passes; waits until so many writers stand there.
sub hold_in
{
    my ($database, $count) = @_;
    clear($node, $database);
    my $holder = $node->background_psql($database);
    $holder->query_safe('BEGIN; LOCK TABLE prebuilds.reconcile_passes IN SHARE MODE');
    mark();
    desire($node, $database, $desired);
    $node->poll_query_until($database, "SELECT count(*) = $count $writers AND wait_event_type = 'Lock'") or die 'no writers came';
    return $holder;
}

sub hold { my ($count) = @_; return hold_in($db, $count) }

# The pools are exactly as desired, and the evidence adds up to what is there.
sub exact
{
    my ($what) = @_;
    ok(full($node, $db, $desired), "$what: every pool is full");
    $node->poll_query_until($db, q{SELECT state = 'idle' FROM prebuilds_worker_status()});
    is(query(q{SELECT sum(created) = (SELECT count(*) FROM prebuilds.workspaces), sum(created) = sum((SELECT sum((c ->> 'created')::int) FROM jsonb_array_elements(creates) AS c))
               FROM prebuilds.reconcile_passes}), 't|t', "$what: what passes recorded is what is there");
    is(query('SELECT * FROM check_invariants()'), '', "$what: nothing is half done, overfull or doubled");
    return;
}

# The start of the next test does not wait for what is left of a failure.
sub settle { return $node->poll_query_until($db, q{SELECT state = 'idle' AND problem IS NULL FROM prebuilds_worker_status()}) }

# ---- how many ----
limit(3);
my ($late, $listener) = map { $node->background_psql($db) } 1 .. 2;
$listener->query_safe('LISTEN provisioner_job_posted');
my $worker = worker($node, $db);
# A lock is waited for 10 s at most: what is asked now must be few things.
my $holder = hold(3);
is(query("SELECT count(*), count(DISTINCT backend_xmin::text) $writers"), '3|1', 'a large pass is written by as many processes as the setting says, from one snapshot');
is( query("SELECT lower(wait_event), backend_xid, lock_holder_pid, lock_acquired FROM pg_stat_activity AS a, prebuilds_worker_status(), prebuilds_reconcile_all() WHERE a.pid = $worker"),
    "bgworkershutdown||$worker|f", 'the worker writes nothing while they do, and has the pass lock: no other pass begins');
is(query(<<"SQL"), '', 'what the worker has locked they have locked: nobody comes between');
SELECT w.pid, l.relation::regclass
FROM (SELECT pid $writers) AS w, pg_locks AS l
WHERE l.pid = $worker AND l.locktype = 'relation' AND l.relation >= 16384
  AND NOT EXISTS (SELECT FROM pg_locks AS m WHERE m.pid = w.pid AND m.relation = l.relation AND m.granted)
SQL
my $passes = q{SELECT string_agg(outcome || ' ' || passes, ', ') FROM prebuilds.pass_counts() WHERE outcome IN ('acted', 'idle')};
my ($acted, $idle) = query($passes) =~ /(\d+)/g;
$late->query_until(qr/began/, "\\echo began\nBEGIN; LOCK TABLE prebuilds.workspaces; COMMIT;\n");
$node->poll_query_until($db, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'LOCK TABLE%' AND wait_event_type = 'Lock'});
$holder->query_safe('COMMIT');
exact('by several');
is(started($node, $offset), 3, 'no more than the setting says were started');
is($late->query_safe('SELECT 1'), 1, 'who waited for a table comes after them');
is(query('SELECT presets_total, presets_reconciled, created, conflicts, errors, jsonb_array_length(creates) FROM prebuilds.reconcile_passes ORDER BY created_at DESC, id LIMIT 1'),
    "$pools|$pools|$created|0|0|$pools", 'the pass is one row');
is(status($node, $db, 'presets_reconciled, created, conflicts, errors'), "$pools|$created|0|0", 'and so it is in the status');
like($listener->query_safe('SELECT 1'), qr/Asynchronous notification "provisioner_job_posted"/, 'provisioners have heard of the jobs');
is(query($passes), 'acted ' . ($acted + 1) . ", idle $idle", 'what it changed makes no other pass');
$_->quit for $holder, $late, $listener;

limit(2);
hold(2)->quit;
exact('by two');
is(started($node, $offset), 2, 'by two: two were started');

query('ALTER SYSTEM SET prebuilds.max_creates_per_pass = 4500');
$node->reload;
$node->poll_query_until($db, 'SHOW prebuilds.max_creates_per_pass', 4500);
hold(2)->quit;
ok($node->poll_query_until($db, 'SELECT created = 4500 FROM prebuilds.reconcile_passes ORDER BY created_at DESC LIMIT 1'), 'a cap holds for all together');
query('ALTER SYSTEM RESET prebuilds.max_creates_per_pass');
$node->reload;
exact('after a cap');

limit(1);
clear($node, $db);
mark();
desire($node, $db, $desired);
exact('by one');
is(started($node, $offset), 0, 'by one: the worker alone');

limit(3);
mark();
desire($node, $db, ++$desired);
exact('a small pass');
is(started($node, $offset), 0, 'a small pass: the worker alone');

limit(0);
is(status($node, $db, 'concurrency'), 16, 'the setting 0 means half of max_worker_processes');
query('SELECT prebuilds_worker_stop()');
clear($node, $db);
mark();
desire($node, $db, --$desired);
is(query('SELECT created FROM prebuilds_reconcile_all()'), $created, 'a function call');
is(started($node, $offset), 0, 'writes alone');
limit(2);
query('SELECT prebuilds_worker_start()');
wait_for_worker($node, $db);

# ---- what one of them meets ----
query('SELECT prebuilds_worker_stop()');
query('ALTER SYSTEM SET prebuilds.failure_hard_limit = 1');
$node->reload;
clear($node, $db);
my @presets = split /\n/, query('SELECT id FROM prebuilds.template_version_presets ORDER BY name');
desire($node, $db, 1);
query(<<"SQL");
SELECT prebuilds_reconcile_all();
INSERT INTO prebuilds.users (username, email, rbac_roles) VALUES ('admin', 'admin\@example.com', '{owner}');
UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now(), error = 'no room'
WHERE id = (SELECT job_id FROM prebuilds.live_prebuilds WHERE preset_id = '$presets[0]');
INSERT INTO refused VALUES ('$presets[23]');
SQL
desire($node, $db, $desired);
$holder = $node->background_psql($db);
$holder->query_safe("BEGIN; SELECT FROM prebuilds.template_version_presets WHERE id = '$presets[12]' FOR UPDATE");
mark();
query('SELECT prebuilds_worker_start()');
my $pass = q{SELECT created, conflicts, errors, jsonb_array_length(creates), failures -> 0 ->> 'preset_id' FROM prebuilds.reconcile_passes WHERE errors > 0};
$node->poll_query_until($db, "SELECT count(*) = 1 FROM ($pass) AS failed");
is(started($node, $offset), 2, 'two writers');
my $lacking = $desired - 1;
is(query($pass), 21 * $lacking . "|$lacking|1|21|$presets[23]", 'conflicts and errors of all are in the row of the pass');
is(query('SELECT preset_id, message FROM prebuilds.preset_failures'), "$presets[23]|no more of these", 'a failure is recorded once');
is(query(q{SELECT id FROM prebuilds.template_version_presets WHERE prebuild_status = 'hard_limited'}), $presets[0], 'a status is stored');
is(query('SELECT payload ->> \'preset_id\' FROM prebuilds.notifications'), $presets[0], 'the one to be told is told once');
$holder->quit;
query('TRUNCATE refused');
query('ALTER SYSTEM RESET prebuilds.failure_hard_limit');
$node->reload;
query("SELECT prebuilds_reset_preset('$_')") for @presets[0, 23];
exact('all but three pools, then these');

# ---- a writer that goes ----
$holder = hold(2);
query("SELECT pg_terminate_backend(pid) $writers LIMIT 1");
$node->poll_query_until($db, "SELECT count(*) = 1 $writers");
$holder->quit;
exact('a terminated writer');
is(started($node, $offset), 2, 'a terminated writer: the next pass is the worker\'s alone');
like(slurp_file($node->logfile, $offset), qr/could not make its pass: a process that wrote a part of the pass was ended/, 'the log says so');
is(query('SELECT array_agg(presets_reconciled ORDER BY created_at) FROM (SELECT * FROM prebuilds.reconcile_passes ORDER BY created_at DESC LIMIT 2) AS latest'),
    '{' . $pools / 2 . ',' . $pools / 2 . '}', 'what the other wrote stays');
settle();

$holder = hold(2);
query("SELECT pg_cancel_backend(pid) $writers");
$holder->quit;
exact('canceled writers');
like(slurp_file($node->logfile, $offset), qr/could not make its pass: canceling statement due to user request/, 'the log says why');
settle();

# ---- a worker that goes: its writers go first ----
$holder = hold(2);
$worker = worker($node, $db);
my ($stopped) = split /\n/, query("SELECT pid $writers");
kill 'STOP', $stopped;
query("SELECT pg_terminate_backend($worker)");
ok($node->poll_query_until($db, "SELECT array_agg(pid) = '{$stopped}' $writers"), 'with the worker its writers are ended');
is(query('SELECT lock_acquired FROM prebuilds_reconcile_all()'), 'f', 'no pass begins while one is left');
is(query(<<"SQL"), 't', 'which has the pass lock itself');
SELECT count(DISTINCT pid) = 2 FROM pg_locks
WHERE locktype = 'advisory' AND objsubid > 2 AND (classid, objid, objsubid) IN
      (SELECT classid, objid, objsubid FROM pg_locks WHERE pid = $stopped AND locktype = 'advisory')
SQL
kill 'CONT', $stopped;
$holder->quit;
wait_for_worker($node, $db, $worker);
exact('a terminated worker');

$holder = hold(2);
is(query('SELECT changed FROM prebuilds_worker_stop()'), 't', 'a stop');
is(query("SELECT count(*) $writers"), 0, 'returns when the writers are gone');
is(query('SELECT count(*) FROM prebuilds.workspaces'), 0, 'they have written nothing');
$holder->quit;
query('SELECT prebuilds_worker_start()');
exact('a stopped worker');

$holder = hold(2);
my ($victim) = split /\n/, query("SELECT pid $writers");
kill 'KILL', $victim;
$holder->{run}->finish;
$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
comes_back($node);
exact('a killed writer');

# ---- a database that goes ----
$node->safe_psql('postgres', 'CREATE DATABASE other');
install($node, 'other');
$holder = hold_in('other', 2);
my $drop = $node->background_psql('postgres');
$drop->query_until(qr/began/, "\\echo began\nDROP DATABASE other;\n");
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'other' AND backend_type LIKE 'pg_prebuilds %'});
$holder->quit;
$drop->query_safe('SELECT 1');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'other'}), 0, 'DROP DATABASE waits for writers to be ended');

# ---- the end of the server ----
$holder = hold(2);
$node->stop('fast');
$node->start;
exact('a shutdown');
$node->stop;

# ---- no room for writers: the launcher and the worker have the first two slots ----
for my $free (0, 1)
{
    my $narrow = start_node("free$free", 'log_min_messages = debug1', 'max_logical_replication_workers = 0', 'max_worker_processes = ' . (2 + $free));
    install($narrow, 'postgres');
    my $from = -s $narrow->logfile;
    desire($narrow, 'postgres', $desired);
    ok(full($narrow, 'postgres', $desired), "with $free free slots every pool is full");
    is(started($narrow, $from), $free, "with $free free slots so many writers are started");
    is($narrow->safe_psql('postgres', 'SELECT created, jsonb_array_length(creates) FROM prebuilds.reconcile_passes ORDER BY created_at DESC LIMIT 1'),
        "$created|$pools", "with $free free slots the pass is one row");
    is($narrow->safe_psql('postgres', 'SELECT * FROM check_invariants()'), '', "with $free free slots nothing is half done, overfull or doubled");
    $narrow->stop;
}

# ---- without preload ----
my $plain = start_node('plain', 'log_min_messages = debug1', "shared_preload_libraries = ''", "prebuilds.reconciliation_interval = '200ms'");
install($plain, 'postgres');
$offset = -s $plain->logfile;
desire($plain, 'postgres', $desired);
ok(full($plain, 'postgres', $desired), 'without preload every pool is full');
is(started($plain, $offset), 2, 'without preload too by several');
$plain->stop;

done_testing();
