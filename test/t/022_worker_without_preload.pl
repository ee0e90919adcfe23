# Without shared_preload_libraries there is no launcher and no wake-up; a worker can be started by hand.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use WorkerTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_logical_replication_workers = 0\nprebuilds.reconciliation_interval = '300ms'");
$node->start;
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
my $preset = push_pool($node, $db, 'a', 2);

is(status($node, $db, 'pid, state, preloaded'), '|absent|f', 'the status says that the library is not preloaded');
like(status($node, $db, 'problem'), qr/not in shared_preload_libraries/, 'and what that means');
is($node->safe_psql($db, 'SELECT created FROM prebuilds_reconcile_all()'), '2', 'passes by call work');
is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_stop()'), 'f', 'there is nothing to stop');

is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_start()'), 't', 'start');
is($node->safe_psql($db, 'SELECT changed FROM prebuilds_worker_start()'), 'f', 'start twice');
my $pid = worker($node, $db);
like($pid, qr/^\d+$/, 'the status shows its pid');
is(state($node, $db), 'running', 'and that it runs');
is($node->safe_psql($db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker'"), '1', 'it is one');
set_desired($node, $db, $preset, 3);
ok(wait_for_pool($node, $db, $preset, 3), 'it sweeps');

$node->safe_psql($db, 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pg_prebuilds');
is($node->safe_psql('other', 'SELECT pid IS NULL FROM prebuilds_worker_status()'), 't', 'it is of its database alone');
is($node->safe_psql('other', 'SELECT changed FROM prebuilds_worker_start()'), 't', 'another database can have its own');
$node->safe_psql($db, 'CREATE DATABASE third');
my ($status, undef, $stderr) = $node->psql('third', "CREATE EXTENSION pg_prebuilds; \\set VERBOSITY verbose\nSELECT prebuilds_worker_start()");
like($stderr, qr/ERROR:  53000: there is no free background worker slot\n.*HINT:  Raise max_worker_processes/, 'as long as there are slots');

my $log = -s $node->logfile;
is($node->safe_psql('other', "SELECT changed FROM prebuilds_worker_stop('not needed')"), 't', 'stop');
is($node->safe_psql('other', 'SELECT pid, state FROM prebuilds_worker_status()'), '|absent', 'it is gone when stop returns');
like(log_since($node, $log), qr/worker for database "other" is stopped\n.*DETAIL:  Cause: not needed/, 'the cause is in the log');
ok($node->poll_query_until($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker'"), 'the other one goes on');

($status, undef, $stderr) = $node->psql('third', "DROP EXTENSION pg_prebuilds; \\set VERBOSITY verbose\nBEGIN; CREATE EXTENSION pg_prebuilds; SELECT prebuilds_worker_start()");
like($stderr, qr/ERROR:  55000: the worker ended at once\n.*HINT:  It must see the extension: commit CREATE EXTENSION first/, 'a worker does not see an extension that is not committed');

$node->safe_psql($db, 'DROP EXTENSION pg_prebuilds');
ok($node->poll_query_until($db, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker'"), 'DROP EXTENSION ends it by the next sweep');
$node->stop;
done_testing();
