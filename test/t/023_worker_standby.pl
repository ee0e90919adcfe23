# No worker runs on a standby; after promotion the first pass comes within two seconds.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use WorkerTest;
use Time::HiRes qw(time);
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_prebuilds'\nmax_worker_processes = 16");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
my $preset = push_pool($primary, 'postgres', 'a', 3);
ok(wait_for_pool($primary, 'postgres', $preset, 3), 'the primary fills its pool');
$primary->safe_psql('postgres', q{SELECT prebuilds_ensure_user('ann'), prebuilds_register_provisioner('acme', 'p')});
my $daemon = '(SELECT id FROM prebuilds.provisioner_daemons)';
$primary->safe_psql('postgres', qq{SELECT prebuilds_report_agent(agent, 'ready')
    FROM (SELECT unnest(prebuilds_complete_job(job_id, $daemon, resources => '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]')) AS agent
          FROM prebuilds_acquire_job($daemon)) AS made});
my ($held, $workspace) = split /\|/, $primary->safe_psql('postgres', qq{SELECT job_id, workspace_id FROM prebuilds_acquire_job($daemon)});

my $empty = push_pool($primary, 'postgres', 'b', 0);

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

is($standby->safe_psql('postgres', 'SELECT pid, state, preloaded FROM prebuilds_worker_status()'), '|standby|t', 'the standby has no worker, and says why');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_prebuilds%'"), '0', 'and no launcher');
my (undef, undef, $stderr) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT prebuilds_worker_start()");
like($stderr, qr/ERROR:  55000: no worker runs during recovery\n.*HINT:  It starts when this server is promoted/, 'start is refused');
is($standby->safe_psql('postgres', 'SELECT changed FROM prebuilds_worker_stop()'), 't', 'stop is remembered');
$standby->restart;

# ---- what people may ask a standby ----
$primary->wait_for_catchup($standby);
for my $question ('prebuilds_status()', 'prebuilds_plan()', 'prebuilds_org_status()', "prebuilds_find_preset('acme', 'a', 'small')")
{
    my $rows = "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM $question AS r";
    is($standby->safe_psql('postgres', $rows), $primary->safe_psql('postgres', $rows), "$question answers as on the primary");
}
is($standby->safe_psql('postgres', qq{SELECT eligible, starting FROM prebuilds_status() WHERE preset_id = '$preset'}), '1|2', 'and not with nothing');
for my $change (
    'prebuilds_reconcile_all()', "prebuilds_reconcile_preset('$preset')", 'prebuilds_pause()',
    "prebuilds_claim('$preset', (SELECT id FROM prebuilds.users WHERE username = 'ann'), 'mine')",
    "prebuilds_claim('$empty', (SELECT id FROM prebuilds.users WHERE username = 'ann'), 'mine')",
    "prebuilds_build_workspace('$workspace', 'stop', (SELECT id FROM prebuilds.users WHERE username = 'ann'))",
    "prebuilds_cancel_job('$held')", "prebuilds_acquire_job($daemon)")
{
    (undef, undef, $stderr) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT $change");
    like($stderr, qr/ERROR:  25006: cannot execute .* (in a read-only transaction|during recovery)/, "$change is refused");
}

# The last thing that the primary does is never seen by its own worker.
$primary->safe_psql('postgres', q{SELECT prebuilds_worker_stop('fail-over')});
set_desired($primary, 'postgres', $preset, 5);
$primary->wait_for_catchup($standby);
$primary->stop('immediate');

$standby->promote;
my $promoted = time;
ok(wait_for_pool($standby, 'postgres', $preset, 5), 'the promoted standby fills the pool');
cmp_ok(time - $promoted, '<', 2 * ($ENV{PG_TEST_TIMEOUT_DEFAULT} // 60) / 60, 'within two seconds');
ok(wait_for_worker($standby, 'postgres'), 'it has a worker');
is($standby->safe_psql('postgres', "SELECT job_status, worker_id IS NOT NULL FROM prebuilds.provisioner_jobs WHERE id = '$held'"), 'running|t', 'a job in flight keeps its owner');
is( $standby->safe_psql('postgres', qq{SELECT prebuilds_complete_job('$held', (SELECT id FROM prebuilds.provisioner_daemons));
        SELECT job_status FROM prebuilds.provisioner_jobs WHERE id = '$held'}),
    "{}\nsucceeded", 'which completes it');
$standby->stop;
done_testing();
