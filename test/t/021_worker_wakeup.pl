# The worker is woken at commit, for the pools that changed; what no wake-up tells it the sweep finds.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use WorkerTest;
use Test::More;

# A sweep so rare that only a wake-up can be the reason for a pass.
my $node = start_node('main', "prebuilds.reconciliation_interval = '1h'", 'max_prepared_transactions = 2');
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
wait_for_worker($node, $db);

sub query { my ($sql) = @_; return $node->safe_psql($db, $sql) }

sub filled
{
    my ($preset, $size, $what) = @_;
    ok(wait_for_pool($node, $db, $preset, $size), $what);
    return;
}

# ---- what wakes it ----
my $a = push_pool($node, $db, 'a', 2);
filled($a, 2, 'a push');
my $b = push_pool($node, $db, 'b', 1);
filled($b, 1, 'another push');
set_desired($node, $db, $a, 3);
filled($a, 3, 'an UPDATE of a preset');
query("SELECT prebuilds_set_desired('$a', 4)");
filled($a, 4, 'prebuilds_set_desired');
query("INSERT INTO prebuilds.template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
       VALUES ('$b', '* * * * *', 2)") if query(q{UPDATE prebuilds.template_version_presets SET scheduling_timezone = 'UTC' RETURNING 1});
filled($b, 2, 'an INSERT of a schedule');
query('SELECT prebuilds_pause()');
ok($node->poll_query_until($db, 'SELECT paused FROM prebuilds_worker_status()'), 'a pause');
set_desired($node, $db, $a, 5);
query('SELECT prebuilds_resume()');
filled($a, 5, 'a resume');

my $daemon = query(q{SELECT prebuilds_register_provisioner('acme', 'p')});
my $user = query(q{SELECT prebuilds_ensure_user('alice')});

# Builds what is pending, all agents ready.
sub provision
{
    query(<<"SQL");
SELECT count(*)
FROM prebuilds_acquire_job('$daemon', 100) AS j,
     prebuilds_complete_job(j.job_id, '$daemon', resources => '[{"type": "vm", "name": "dev", "agents": [{"name": "main"}]}]') AS c,
     unnest(c.agent_ids) AS agent (id), prebuilds_report_agent(agent.id, 'ready')
SQL
    return;
}
provision();
ok($node->poll_query_until($db, "SELECT eligible = 5 FROM prebuilds_status() WHERE preset_id = '$a'"), 'the prebuilds are ready');
isnt(query("SELECT prebuilds_claim('$a', '$user', 'mine')"), '', 'a claim');
ok($node->poll_query_until($db, "SELECT eligible = 4 AND starting = 1 FROM prebuilds_status() WHERE preset_id = '$a'"), 'is replaced');

query("SELECT prebuilds_fail_job(j.job_id, '$daemon', 'no room') FROM prebuilds_acquire_job('$daemon', 100) AS j WHERE workspace_name LIKE 'prebuild-%'");
ok($node->poll_query_until($db, "SELECT num_failed = 1 AND next_due IS NOT NULL FROM prebuilds_status(), prebuilds_worker_status() WHERE preset_id = '$a'"), 'a failed job is looked at');
query("SELECT prebuilds_reset_preset('$a')");
ok($node->poll_query_until($db, "SELECT starting = 1 FROM prebuilds_status() WHERE preset_id = '$a'"), 'a reset of the preset');

# What nobody reports a sweep finds, for which it reads what has been done, too. A pass over all presets, because many of
# them changed, leaves it alone: beside an old snapshot it would take longer than it takes them to change again.
my $in_step = q{SELECT count(*) = 0 FROM prebuilds.live_prebuilds AS l JOIN prebuilds.live_prebuild_definitions AS d USING (workspace_id)
                    WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*)};
query('SET session_replication_role = replica; UPDATE prebuilds.live_prebuilds SET worker_assigned = NOT worker_assigned');
my $passed = query('SELECT last_pass FROM prebuilds_worker_status()');
query('SELECT prebuilds_pause(); SELECT prebuilds_resume()');
ok($node->poll_query_until($db, "SELECT last_pass > '$passed' AND state = 'idle' FROM prebuilds_worker_status()"), 'a pass over all presets');
is(query($in_step), 'f', 'does not look for what nobody reported');
query(q{INSERT INTO prebuilds.organizations (name) VALUES ('crowded')});
my $joining = $node->background_psql($db);
$joining->query_safe(q{BEGIN; INSERT INTO prebuilds.organization_members (organization_id, user_id)
                       SELECT id, prebuilds.system_user_id() FROM prebuilds.organizations WHERE name = 'crowded'});
query(q{SELECT prebuilds_push_template('crowded', 'c', 'v1', '[{"name": "small", "prebuilds": {"instances": 1}}]')});
ok( $node->poll_query_until($db, "SELECT count(*) >= 3 FROM prebuilds.reconcile_passes WHERE conflicts > 0 AND created_at > '$passed'"),
    'an organization with which somebody is busy is tried again');
is(query($in_step), 'f', 'without looking for more');
$joining->query_safe('COMMIT');
$joining->quit;
ok($node->poll_query_until($db, <<'SQL'), 'its membership is complete in the end');
SELECT count(*) = 1 FROM prebuilds.group_members AS m JOIN prebuilds.groups AS g ON g.id = m.group_id
  JOIN prebuilds.organizations AS o ON o.id = g.organization_id
 WHERE o.name = 'crowded' AND m.user_id = prebuilds.system_user_id()
SQL
query('SELECT pg_reload_conf()');
ok($node->poll_query_until($db, $in_step), 'a full sweep does');

query(q{SELECT prebuilds_promote_version(template_version_id)
        FROM prebuilds_push_template('acme', 'b', 'v2', '[{"name": "small", "prebuilds": {"instances": 1}}]', activate => false)});
ok($node->poll_query_until($db, "SELECT count(*) = 0 FROM prebuilds.live_prebuilds WHERE preset_id = '$b' AND transition = 'start' AND job_status = 'succeeded'"), 'a promotion drains the old version');
ok($node->poll_query_until($db, q{SELECT sum(starting) = 1 FROM prebuilds_status() WHERE template_name = 'b' AND active}), 'and fills the new one');

# ---- time alone ----
query(q{ALTER SYSTEM SET prebuilds.reconciliation_backoff_interval = '1s'});
$node->reload;
my $slow = push_pool($node, $db, 'slow', 1);
filled($slow, 1, 'another pool');
query("SELECT prebuilds_fail_job(j.job_id, '$daemon', 'no room') FROM prebuilds_acquire_job('$daemon', 100) AS j");
filled($slow, 1, 'the end of a backoff');
provision();
my $old = query("SELECT workspace_id FROM prebuilds.live_prebuilds WHERE preset_id = '$slow' AND job_status = 'succeeded'");
query("UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 2 WHERE id = '$slow'");
ok( $node->poll_query_until($db, "SELECT transition = 'delete' FROM prebuilds.live_prebuilds WHERE workspace_id = '$old'"),
    'the end of a time to live');
query("UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 0 WHERE id = '$slow'");

# ---- what does not ----
sub last_pass { return status($node, $db, 'last_pass') }

# Passes until nothing is to be done: what follows starts from rest.
sub settle
{
    provision();
    query('SELECT prebuilds.note_changed(id) FROM prebuilds.template_version_presets LIMIT 1');
    $node->poll_query_until($db, q{SELECT state = 'idle' AND last_pass < clock_timestamp() - interval '0.3 s' FROM prebuilds_worker_status()});
    return;
}
settle();
my $before = last_pass();
query("BEGIN; UPDATE prebuilds.template_version_presets SET desired_instances = 9 WHERE id = '$a'; ROLLBACK");
query("SELECT count(*) FROM prebuilds_acquire_job('$daemon')");
is(last_pass(), $before, 'a rollback, a read, an empty acquire wake nobody');

# ---- incremental: only the pools that changed ----
query(q{ALTER SYSTEM SET prebuilds.debug_drop_wakeups = on});
$node->reload;
ok($node->poll_query_until($db, 'SHOW prebuilds.debug_drop_wakeups', 'on'), 'wake-ups are dropped');
settle();
$before = last_pass();
set_desired($node, $db, $a, 7);
my $c = push_pool($node, $db, 'c', 1);
is(last_pass(), $before, 'without wake-ups nothing happens before the sweep');
query('SET prebuilds.debug_drop_wakeups = off; SELECT prebuilds.note_changed(\'' . $c . q{')});
filled($c, 1, 'a wake-up for one pool');
is(pool_size($node, $db, $a), 5, 'does not look at another');
query(q{ALTER SYSTEM SET prebuilds.reconciliation_interval = '500ms'});
$node->reload;
filled($a, 7, 'the sweep finds what no wake-up told');
set_desired($node, $db, $a, 8);
filled($a, 8, 'again and again');
query(q{ALTER SYSTEM SET prebuilds.reconciliation_interval = '1h'});
query(q{ALTER SYSTEM SET prebuilds.debug_drop_wakeups = off});
$node->reload;

# ---- many pools at once, and more than the set holds ----
settle();
query(q{SELECT count(*) FROM generate_series(1, 100) AS i, prebuilds_push_template('acme', 'many-' || i, 'v1', '[{"name": "small", "prebuilds": {"instances": 1}}]')});
ok($node->poll_query_until($db, q{SELECT count(*) = 100 FROM prebuilds.live_prebuilds AS l JOIN prebuilds.workspaces AS w ON w.id = l.workspace_id
    JOIN prebuilds.templates AS t ON t.id = w.template_id WHERE t.name LIKE 'many-%'}), 'a hundred pools in one transaction');

settle();
query("BEGIN; SELECT prebuilds.note_changed(gen_random_uuid()) FROM generate_series(1, 600);
       UPDATE prebuilds.template_version_presets SET desired_instances = 9 WHERE id = '$a'; COMMIT");
filled($a, 9, 'what does not find room any more means all');

# ---- the pass lock is taken ----
settle();
my $holder = $node->background_psql($db);
$holder->query_safe('BEGIN; SELECT prebuilds_reconcile_all()');
set_desired($node, $db, $a, 10);
is(status($node, $db, 'lock_holder_pid'), $holder->query_safe('SELECT pg_backend_pid()'), 'the status says who holds the pass lock');
is(pool_size($node, $db, $a), 9, 'no pass beside another');
$holder->query_safe('COMMIT');
filled($a, 10, 'the wake-up was kept');
$holder->query_safe("BEGIN; UPDATE prebuilds.template_version_presets SET desired_instances = 11 WHERE id = '$b'; SELECT prebuilds_reconcile_preset('$c')");
$holder->query_safe("UPDATE prebuilds.template_version_presets SET desired_instances = 11 WHERE id = '$a'; COMMIT");
filled($a, 11, 'also when the waker itself holds the lock until after its commit');

# ---- savepoints, two-phase commit ----
query("BEGIN; SAVEPOINT s; UPDATE prebuilds.template_version_presets SET desired_instances = 12 WHERE id = '$a'; RELEASE s; COMMIT");
filled($a, 12, 'a change in a subtransaction');
query("BEGIN; UPDATE prebuilds.template_version_presets SET desired_instances = 13 WHERE id = '$a'; PREPARE TRANSACTION 'p'");
query(q{COMMIT PREPARED 'p'});
filled($a, 13, 'COMMIT PREPARED');
query(qq{BEGIN; SELECT prebuilds_create_workspace(template_id, '$user', 'prepared', preset_id => preset_id) FROM prebuilds_find_preset('acme', 'c', 'small'); PREPARE TRANSACTION 'p'});
query(q{COMMIT PREPARED 'p'});
is(query(q{SELECT count(*) FROM prebuilds.workspaces WHERE name = 'prepared'}), '1', 'with a worker a transaction that posts a job can be prepared');

# ---- announcements ----
sub announced
{
    my ($what, $sql) = @_;
    my $listener = $node->background_psql($db);
    $listener->query_safe('LISTEN provisioner_job_posted');
    query($sql);
    my $heard = '';
    for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
    {
        $heard .= $listener->query_safe('SELECT 1');
        last if $heard =~ /Asynchronous notification "provisioner_job_posted" with payload "(.*?)" received/;
        select undef, undef, undef, 0.1;
    }
    like($heard, qr/"provisioner_job_posted" with payload ".*"tags": .*"type": "terraform", "organization_id": /, $what);
    $listener->quit;
    return $heard;
}
settle();
announced('a job of a pass is announced by it', "SELECT prebuilds_set_desired('$a', 14)");
settle();
announced('a job of a person by the worker',
    qq{SELECT prebuilds_create_workspace(template_id, '$user', 'cold', preset_id => NULL) FROM prebuilds_find_preset('acme', 'a', 'small')});
settle();
announced('a job that somebody inserts too',
    q{INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id) SELECT id, gen_random_uuid() FROM prebuilds.organizations WHERE name = 'acme'});
query('SELECT prebuilds_pause()');
announced('while paused as well',
    q{INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id) SELECT id, gen_random_uuid() FROM prebuilds.organizations WHERE name = 'acme'});
query(q{SELECT prebuilds_worker_stop()});
announced('by its writer when there is no worker',
    q{INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id) SELECT id, gen_random_uuid() FROM prebuilds.organizations WHERE name = 'acme'});

$node->stop;
done_testing();
