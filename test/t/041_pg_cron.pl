# pg_cron in place of the worker, with the schedule that the documentation gives, and both at once.
use strict;
use warnings;
# pg_cron wakes up at the full minute.
BEGIN { $ENV{PG_TEST_TIMEOUT_DEFAULT} = 180 }
use PrebuildsTest;
use Test::More;

my $schedule = q{SELECT cron.schedule('prebuilds', '* * * * *', 'SELECT prebuilds_reconcile_all()')};
my $node = start_node('main', q{shared_preload_libraries = 'pg_cron,pg_prebuilds'}, q{cron.database_name = 'alone'},
    'cron.use_background_workers = on', 'max_worker_processes = 20', 'autovacuum = off');
for my $database ('alone', 'together')
{
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, <<'SQL');
CREATE EXTENSION pg_prebuilds;
SELECT prebuilds_ensure_user('ann');
SQL
}
# Until there is its database, pg_cron gives up.
$node->restart;
$node->safe_psql('alone', q{SELECT prebuilds_worker_stop('pg_cron does it')});
$node->safe_psql('alone', 'CREATE EXTENSION pg_cron');
my $push = q{SELECT prebuilds_push_template('acme', 'web', 'v1', '[{"name": "small", "default": true, "prebuilds": {"instances": 5}}]')};
$node->safe_psql($_, $push) for 'alone', 'together';

$node->safe_psql('alone', $schedule);
# More of them than anybody would have, all in the same second.
$node->safe_psql('alone', qq{SELECT cron.schedule_in_database('together ' || n, '* * * * *', 'SELECT prebuilds_reconcile_all()', 'together')
    FROM generate_series(1, 5) AS n});

# All builds are done as soon as they are there; claims keep the pool busy.
my $turnover = <<'SQL';
WITH done AS (
    UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now() WHERE completed_at IS NULL RETURNING id
), machine AS (
    INSERT INTO prebuilds.workspace_resources (job_id, transition, name) SELECT id, 'start', 'machine' FROM done RETURNING id
)
INSERT INTO prebuilds.workspace_agents (resource_id, name, lifecycle_state) SELECT id, 'main', 'ready' FROM machine;
SELECT count(prebuilds_claim(preset_id, prebuilds_ensure_user('ann'), gen_random_uuid()::text))
FROM prebuilds_find_preset('acme', 'web'), generate_series(1, 2);
SELECT count(*) > 5 FROM prebuilds.live_prebuilds WHERE transition = 'start';
SQL
my $finished = q{SELECT count(*) FILTER (WHERE jobname = 'prebuilds') >= 1 AND count(*) FILTER (WHERE jobname ~ 'together') >= 5
    FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE status IN ('succeeded', 'failed')};
my ($too_many, $claims) = (0, 0);
for (my $deadline = time + 150; time < $deadline && $node->safe_psql('alone', $finished) ne 't';)
{
    my ($claimed, $over) = split /\n/, $node->safe_psql('together', $turnover);
    $claims += $claimed;
    $too_many++ if $over eq 't';
}

is($node->safe_psql('alone', 'SELECT string_agg(DISTINCT status, $$,$$) FROM cron.job_run_details'), 'succeeded', 'every run of pg_cron succeeds');
is($node->safe_psql('alone', 'SELECT count(*) FROM prebuilds.live_prebuilds'), '5', 'alone: the pool is full');
is($node->safe_psql('alone', 'SELECT state FROM prebuilds_worker_status()'), 'stopped', 'alone: there was no worker');

cmp_ok($claims, '>', 0, "together: $claims claims");
is($too_many, 0, 'together: never more than desired');
is( $node->safe_psql('together', q{SELECT count(*) FROM prebuilds.reconcile_passes, jsonb_to_recordset(creates) AS c (desired int, valid int, starting int, created int)
        WHERE c.created > c.desired - c.valid - c.starting}),
    '0', 'together: no pass created more than was missing');
is($node->safe_psql('together', 'SELECT sum(created) = (SELECT count(*) FROM prebuilds.workspaces) FROM prebuilds.reconcile_passes'),
    't', 'together: every create is accounted for');
$node->safe_psql('alone', 'SELECT cron.unschedule(jobid) FROM cron.job');

done_testing();
