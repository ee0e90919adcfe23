# The launcher and its workers do what an administrator expects of them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use WorkerTest;
use Test::More;

my $node = start_node('main', 'restart_after_crash = on', 'max_prepared_transactions = 2', "prebuilds.reconciliation_interval = '1h'");
my $log;

sub mark { $log = -s $node->logfile; return }

sub database
{
    my ($name) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    return $name;
}

# ---- the time limit of a stop: half a minute that the other tests use ----
my $stuck = start_node('stuck');
$stuck->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
my $stuck_pid = wait_for_worker($stuck, 'postgres');
kill 'STOP', $stuck_pid;
my $stop_stuck = $stuck->background_psql('postgres', on_error_stop => 0);
$stop_stuck->query_until(qr/began/, "\\echo began\n\\set VERBOSITY verbose\nSELECT prebuilds_worker_stop('it hangs');\n");

# ---- create and drop extension ----
my $db = database('cycle');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds launcher'"), '1', 'there is one launcher');
$node->safe_psql($db, "BEGIN; CREATE EXTENSION pg_prebuilds; ROLLBACK");
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
my $pid = wait_for_worker($node, $db);
ok($pid, 'CREATE EXTENSION brings a worker at commit');
is( $node->safe_psql('postgres', "SELECT backend_type, datname, application_name, state FROM pg_stat_activity WHERE pid = $pid"),
    "pg_prebuilds worker|$db|pg_prebuilds worker|idle",
    'pg_stat_activity shows it');
is($node->safe_psql($db, 'BEGIN; DROP EXTENSION pg_prebuilds; ROLLBACK; SELECT pid FROM prebuilds_worker_status()'), $pid, 'an aborted drop leaves it alone');

mark();
$node->safe_psql($db, 'DROP EXTENSION pg_prebuilds');
ok(wait_for_no_worker($node, $db), 'DROP EXTENSION ends it at commit');
like(log_since($node, $log), qr/worker for database "$db" ends: the extension was dropped/, 'and the log says why');
$node->safe_psql($db, 'CREATE SCHEMA api; CREATE EXTENSION pg_prebuilds SCHEMA api');
$node->poll_query_until($db, 'SELECT pid IS NOT NULL FROM api.prebuilds_worker_status()');
$node->safe_psql($db, 'DROP SCHEMA api CASCADE');
ok(wait_for_no_worker($node, $db), 'so does dropping the schema that it is in');
$node->safe_psql($db, "BEGIN; CREATE EXTENSION pg_prebuilds; PREPARE TRANSACTION 'create'");
$node->safe_psql($db, "COMMIT PREPARED 'create'");
ok(wait_for_worker($node, $db), 'a prepared CREATE EXTENSION brings a worker when it is committed');
for my $round (1 .. 5)
{
    $node->safe_psql($db, 'DROP EXTENSION pg_prebuilds');
    $node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
}
ok(wait_for_worker($node, $db), 'dropped and created in quick succession there is a worker in the end');

# ---- drop extension beside a pass: the drop waits for the pass, no pass begins, nobody is a deadlock's victim ----
my $preset = push_pool($node, $db, 'racing', 2);
wait_for_pool($node, $db, $preset, 2);
mark();
for my $round (1 .. 10)
{
    set_desired($node, $db, $preset, 2 + $round);
    $node->safe_psql($db, 'BEGIN; DROP EXTENSION pg_prebuilds; ROLLBACK');
}
ok(wait_for_pool($node, $db, $preset, 12), 'drops that are rolled back beside passes only delay them');
unlike(log_since($node, $log), qr/deadlock/, 'without a deadlock');

# ---- alter extension ----
$pid = worker($node, $db);
mark();
$node->safe_psql($db, q{UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'pg_prebuilds'});
$node->safe_psql($db, q{SELECT prebuilds_worker_start()});
set_desired($node, $db, $preset, 13);
ok(wait_for_no_worker($node, $db), 'a worker leaves an extension of another version');
like(log_since($node, $log), qr/ends: it is made for version \d/, 'and the log says so');
my ($status, undef, $stderr) = $node->psql($db, "ALTER EXTENSION pg_prebuilds UPDATE TO '9'");
like($stderr, qr/no update path/, 'an update that fails');
$node->safe_psql($db, q{UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'pg_prebuilds'});
$node->safe_psql($db, q{ALTER EXTENSION pg_prebuilds UPDATE});
ok(wait_for_pool($node, $db, $preset, 13), 'after ALTER EXTENSION UPDATE there is one again');

# ---- start and stop ----
$pid = wait_for_worker($node, $db);
is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_start()'), 'f', 'start changes nothing where there is one');
mark();
is($node->safe_psql($db, "SELECT changed FROM prebuilds_worker_stop('we move house')"), 't', 'stop');
is($node->safe_psql($db, 'SELECT pid, state, stop_cause FROM prebuilds_worker_status()'), '|stopped|we move house', 'the worker is gone when stop returns');
like(log_since($node, $log), qr/worker for database "$db" is stopped\n.*DETAIL:  Cause: we move house/, 'the cause is in the log');
is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_stop()'), 'f', 'stop twice is harmless');
$node->safe_psql($db, 'BEGIN; SELECT prebuilds_worker_start(); ROLLBACK');
isnt(wait_for_worker($node, $db), $pid, 'start and stop are not undone by a rollback');
$node->safe_psql($db, 'SELECT prebuilds_worker_stop()');
is($node->safe_psql($db, 'SELECT prebuilds_worker_start(); SELECT changed FROM prebuilds_worker_stop(); SELECT pid IS NULL FROM prebuilds_worker_status()'),
    "t\nt\nt", 'stop reaches one that is about to start');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = \'pg_prebuilds launcher\'');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds launcher'");
is(state($node, $db), 'stopped', 'a new launcher leaves a stopped database alone');
# Jobs that run, one of them without a sign of life.
$node->safe_psql($db, <<'SQL');
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, started_at, updated_at)
SELECT o.id, gen_random_uuid(), now() - j.runs, now() - j.silent
  FROM prebuilds.organizations AS o, (VALUES (interval '2 hours', interval '0'), ('1 hour', '1 hour'), ('1 min', '0')) AS j (runs, silent)
SQL
$node->safe_psql($db, 'SELECT prebuilds_worker_start()');
$pid = wait_for_worker($node, $db);
my $reaped = q{prebuilds.provisioner_jobs WHERE error_code = 'JOB_HUNG'};
ok($node->poll_query_until($db, "SELECT count(*) > 0 FROM $reaped"), 'the worker fails jobs that hang');
is($node->safe_psql($db, "SELECT now() - started_at >= '1 hour' AND now() - started_at < '2 hours' FROM $reaped"), 't', 'and no other');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = \'pg_prebuilds launcher\'');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds launcher'");
is(worker($node, $db), $pid, 'and workers too');

# A pass that hangs on a lock is cancelled, and rolled back.
my $blocker = $node->background_psql($db);
$blocker->query_safe('BEGIN; LOCK TABLE prebuilds.templates');
set_desired($node, $db, $preset, 14);
$node->poll_query_until($db, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
is(status($node, $db, 'state, lock_holder_pid'), "running|$pid", 'the status shows a pass that runs');
like($node->safe_psql($db, "SELECT query FROM pg_stat_activity WHERE pid = $pid"), qr/^pass over 1 preset/, 'and pg_stat_activity what it is');
is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_stop()'), 't', 'stop ends it at once');
$blocker->quit;
is(pool_size($node, $db, $preset), 13, 'it has written nothing');
$node->safe_psql($db, 'SELECT prebuilds_worker_start()');
ok(wait_for_pool($node, $db, $preset, 14), 'its work is done by the next');
$pid = wait_for_worker($node, $db);

# ---- signals ----
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
set_desired($node, $db, $preset, 15);
ok(wait_for_pool($node, $db, $preset, 15), 'pg_cancel_backend does not keep an idle worker from its work');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
my $next = wait_for_worker($node, $db, $pid);
isnt($next, $pid, 'after pg_terminate_backend there is another one');
$node->append_conf('postgresql.conf', 'prebuilds.enabled = off');
mark();
$node->reload;
ok($node->poll_query_until($db, 'SELECT paused FROM prebuilds_worker_status()'), 'a reload is followed at once');
like(log_since($node, $log), qr/reconciliation in database "$db" is disabled/, 'the log says why no pass acts');
$node->append_conf('postgresql.conf', 'prebuilds.enabled = on');
$node->reload;
ok($node->poll_query_until($db, 'SELECT NOT paused FROM prebuilds_worker_status()'), 'and back');

# ---- settings that would break it ----
$node->safe_psql('postgres', "ALTER DATABASE $db SET $_")
    for ('default_transaction_read_only = on', 'statement_timeout = 1', "search_path = ''", "default_transaction_isolation = 'serializable'", 'session_replication_role = replica');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($next)");
$node->poll_query_until('postgres',
    "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker' AND datname = '$db' AND pid <> $next");
$node->safe_psql('postgres', "ALTER DATABASE $db RESET ALL");
$pid = wait_for_worker($node, $db, $next);
set_desired($node, $db, $preset, 16);
ok(wait_for_pool($node, $db, $preset, 16), 'ALTER DATABASE settings for sessions do not reach the worker');

# ---- a pass that fails ----
mark();
$node->safe_psql($db, 'ALTER TABLE prebuilds.installation RENAME TO hidden');
$node->safe_psql($db, q{SELECT prebuilds.note_changed(id) FROM prebuilds.template_version_presets});
ok($node->poll_query_until($db, q{SELECT state = 'failing' AND problem LIKE '%does not exist' FROM prebuilds_worker_status()}), 'a failing pass is shown');
is(worker($node, $db), $pid, 'the worker lives on');
$node->safe_psql($db, 'ALTER TABLE prebuilds.hidden RENAME TO installation');
ok($node->poll_query_until($db, q{SELECT state = 'idle' AND problem IS NULL FROM prebuilds_worker_status()}), 'and tries again');
like(log_since($node, $log), qr/could not make its pass: relation "prebuilds.installation" does not exist.*has recovered/s, 'the log has both');
is(scalar(() = log_since($node, $log) =~ /could not make its pass/g), 1, 'once each');

# ---- commands that need the database ----
$node->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE $db");
ok($node->poll_query_until('copy', 'SELECT paused FROM prebuilds_worker_status()'), 'a copy is made beside a worker, and has one of its own, which is held');
like(slurp_file($node->logfile), qr/reconciliation in database "copy" is held/, 'the log says why');
ok(wait_for_worker($node, $db, $pid), 'the original has a worker again');
$node->safe_psql('postgres', 'ALTER DATABASE copy RENAME TO renamed');
ok(wait_for_worker($node, 'renamed'), 'renamed');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker' AND datname = 'copy'"), '0', 'under its new name only');
$node->safe_psql('postgres', 'SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION \'\'');
$node->safe_psql('postgres', 'ALTER DATABASE renamed SET TABLESPACE elsewhere');
ok(wait_for_worker($node, 'renamed'), 'moved to another tablespace');

my $guest = $node->background_psql('renamed');
($status, undef, $stderr) = $node->psql('postgres', 'ALTER DATABASE renamed RENAME TO again');
like($stderr, qr/is being accessed by other users\n.*There is 1 other session/, 'a rename fails for a session, not for the worker');
ok(wait_for_worker($node, 'renamed'), 'and the worker is back');
($status, undef, $stderr) = $node->psql('postgres', 'BEGIN; DROP DATABASE renamed');
like($stderr, qr/cannot run inside a transaction block/, 'a drop that cannot be');
$guest->quit;

$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
$pid = wait_for_worker($node, 'renamed');
($status, undef, $stderr) = $node->psql('postgres', 'DROP DATABASE renamed', extra_params => [ '-U', 'nobody' ]);
like($stderr, qr/must be owner/, 'a stranger drops no database');
is(worker($node, 'renamed'), $pid, 'and stops no worker by trying');

mark();
$node->safe_psql('postgres', 'DROP DATABASE renamed');
pass('DROP DATABASE works beside a worker');
database('forced');
$node->safe_psql('forced', 'CREATE EXTENSION pg_prebuilds');
wait_for_worker($node, 'forced');
$node->safe_psql('postgres', 'DROP DATABASE forced WITH (FORCE)');
$node->safe_psql('postgres', 'CREATE DATABASE forced');
unlike(log_since($node, $log), qr/database \d+ does not exist/, 'nothing looks for a dropped database');
is(state($node, $db), 'idle', 'the others go on');

# ---- SIGKILL: the server restarts all its processes ----
$pid = worker($node, $db);
set_desired($node, $db, $preset, 17);
kill 'KILL', $pid;
comes_back($node);
ok(wait_for_worker($node, $db, $pid), 'after kill -9 and a crash restart there is a worker');
ok(wait_for_pool($node, $db, $preset, 17), 'which does its work');

# ---- the stop that takes too long ----
$stop_stuck->query_until(qr/ended/, "\\echo ended\n");
like(
    $stop_stuck->{stderr},
    qr/ERROR:  55P03: the worker of database "postgres" has not ended within 30 s\n.*DETAIL:  It is idle, waiting for/,
    'a stop that takes too long says what the worker does');
is(state($stuck, 'postgres'), 'stopping', 'and stands');
kill 'CONT', $stuck_pid;
ok($stuck->poll_query_until('postgres', q{SELECT pid IS NULL AND state = 'stopped' FROM prebuilds_worker_status()}), 'the worker ends when it can');
$stop_stuck->quit;
$stuck->restart;
ok(wait_for_worker($stuck, 'postgres'), 'a restart of the server ends a stop');
$stuck->stop;

# ---- shutdown ----
mark();
$node->stop('fast');
unlike(log_since($node, $log), qr/PANIC|not clean|leak/, 'a fast shutdown ends all of them');
$node->start;
ok(wait_for_worker($node, $db), 'after a restart there is a worker');
$node->stop;

# ---- no free worker slot ----
my $small = start_node('small', 'max_worker_processes = 1', 'max_logical_replication_workers = 0');
$small->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
$small->wait_for_log(qr/could not start a worker: there is no free background worker slot\n.*HINT:  Raise max_worker_processes/);
pass('the log says that slots are missing');
is($small->safe_psql('postgres', 'SELECT pid IS NULL, preloaded FROM prebuilds_worker_status()'), 't|t', 'the status shows no worker');
is($small->safe_psql('postgres', 'SELECT errors FROM prebuilds_reconcile_all()'), '0', 'passes by call work');
$small->stop;

done_testing();
