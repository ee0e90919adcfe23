# What time alone changes is looked at when it is due, and only that: no sweep for each prebuild that expires.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use WorkerTest;
use Test::More;

my $node = start_node(
    'main',
    "shared_preload_libraries = 'pg_prebuilds, pg_stat_statements'",
    'pg_stat_statements.track = all',
    "prebuilds.reconciliation_interval = '1h'");
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds; CREATE EXTENSION pg_stat_statements');
wait_for_worker($node, $db);

sub query { my ($sql) = @_; return $node->safe_psql($db, $sql) }

# Only a pass over all presets asks whether triggers have been off.
sub sweeps { return query(q{SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query ~ 'SELECT t.state\s+FROM prebuilds.deriving_triggers'}) }
sub passes { return query(q{SELECT sum(passes) FROM prebuilds.pass_counts() WHERE outcome IN ('acted', 'idle')}) }

# Ten pools of two, all ready.
my $pools = 10;
my $size = 2;
query(qq{SELECT count(*) FROM generate_series(1, $pools) AS i,
         prebuilds_push_template('acme', 'pool ' || i, 'v1', '[{"name": "small", "prebuilds": {"instances": $size}}]')});
my $total = $pools * $size;
ok($node->poll_query_until($db, "SELECT count(*) = $total FROM prebuilds.live_prebuilds"), 'the pools are filled');
my $daemon = query(q{SELECT prebuilds_register_provisioner('acme', 'p')});
query(<<"SQL");
SELECT count(*)
FROM prebuilds_acquire_job('$daemon', $total) AS j,
     prebuilds_complete_job(j.job_id, '$daemon', resources => '[{"type": "vm", "name": "dev", "agents": [{"name": "main"}]}]') AS c,
     unnest(c.agent_ids) AS agent (id), prebuilds_report_agent(agent.id, 'ready')
SQL

# All of them expire, each at an instant of its own, in the second and third second from now.
query(<<"SQL");
BEGIN;
UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 3600;
UPDATE prebuilds.workspaces AS w SET created_at = clock_timestamp() - interval '1 hour' + interval '2 s' + n.rank * interval '50 ms'
FROM (SELECT id, row_number() OVER (ORDER BY name) AS rank FROM prebuilds.workspaces) AS n
WHERE n.id = w.id;
COMMIT;
SQL
ok($node->poll_query_until($db, q{SELECT state = 'idle' FROM prebuilds_worker_status()}), 'the worker has seen it');
my ($sweeps, $passes) = (sweeps(), passes());
is(query(q{SELECT count(*) FROM prebuilds.live_prebuilds WHERE transition = 'delete'}), '0', 'none has expired yet');
ok($node->poll_query_until($db, "SELECT count(*) = $total FROM prebuilds.live_prebuilds WHERE transition = 'delete'"), 'each is deleted');
is(query(q{SELECT count(*) FROM prebuilds.live_prebuilds WHERE transition = 'start'}), $total, 'and replaced');
is(sweeps(), $sweeps, 'without a sweep');
cmp_ok(passes() - $passes, '>=', $total / 4, 'by passes of its own');
is( query(q{SELECT count(*) FROM prebuilds.workspace_builds AS b JOIN prebuilds.workspaces AS w ON w.id = b.workspace_id
            WHERE b.transition = 'delete' AND b.created_at > w.created_at + interval '1 hour 1 s'}),
    '0', 'when it was due');

$node->stop;
done_testing();
