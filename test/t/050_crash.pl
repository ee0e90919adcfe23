# kill -9 of every kind of process under load, again and again: the pools fill again, nothing is lost or doubled.
use strict;
use warnings;
use IPC::Run qw(start);
use LoadTest;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use Time::HiRes qw(usleep);
use Test::More;

my ($pools, $desired) = (3, 4);
my $node = start_load_node('main', "prebuilds.reconciliation_interval = '2s'");
install_load($node, $pools, $desired);

# ---- ways to break the server ----
# Kills the server process that a query finds. Another one if that is gone by itself.
sub kill_found
{
    my ($query) = @_;
    my $offset = -s $node->logfile;
    wait_until(sub { my $pid = $node->safe_psql('postgres', $query); $pid && kill 'KILL', $pid }) or return 0;
    $node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
    return comes_back($node);
}

# Kills a client or the worker, whatever it is doing.
sub kill_any { return kill_found("SELECT pid FROM pg_stat_activity WHERE application_name = '$_[0]' ORDER BY random() LIMIT 1") }

# Kills a process with its transaction all but done: it waits to write to a table that is locked.
sub kill_half_done
{
    my ($application, $table) = @_;
    my $lock = start([ $node->installed_command('psql'), '-X', '-d', $node->connstr('postgres'), '-c',
            "BEGIN; LOCK TABLE prebuilds.$table IN SHARE MODE; SELECT pg_sleep(600)" ], '>', \my $out, '2>', \my $error);
    my $is_back = kill_found("SELECT pid FROM pg_stat_activity WHERE application_name = '$application' AND wait_event_type = 'Lock' LIMIT 1");
    $lock->signal('INT') unless $is_back;
    $lock->finish;
    return $is_back;
}

my %break = (
    'a worker' => sub { kill_any('pg_prebuilds worker') },
    'a worker in a pass' => sub {
        stop_clients('operate');  # whose passes would be in its way
        kill_half_done('pg_prebuilds worker', 'reconcile_passes');
    },
    'a launcher' => sub { kill_found(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds launcher'}) },
    'a claim' => sub { kill_any('claim') },
    'a claim that is all but done' => sub { kill_half_done('claim', 'prebuild_events') },
    'a provisioner' => sub { kill_any('provision') },
    'a provisioner that reports what it made' => sub { kill_half_done('provision', 'workspace_agents') },
    'an author' => sub { kill_any('push') },
    'the postmaster' => sub {
        my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
        $node->kill9;
        # It leaves its children, which notice one by one; the shared memory is in use until the last of them is gone.
        wait_until(sub { !kill 0, $pid }) or return 0;
        return wait_until(sub { $node->start(fail_ok => 1) });
    },
    'an immediate stop' => sub { $node->stop('immediate'); $node->start; 1 },);

# ---- rounds ----
start_clients($node, 'provision', 4, fresh => 1, failures => 3);
start_clients($node, 'sample', 1);
settles($node, 'at first');

note('seed ' . srand);
for my $victim (
    'a worker', 'a claim', 'the postmaster', 'a provisioner', 'a worker in a pass', 'a claim that is all but done', 'an immediate stop',
    'a provisioner that reports what it made', 'an author', 'a worker in a pass', 'a launcher', 'the postmaster')
{
    my $claims = $node->safe_psql('postgres', 'SELECT count(*) FROM load.answers WHERE workspace_id IS NOT NULL');
    start_clients($node, 'claim', 4, pools => $pools);
    start_clients($node, 'push', 1, pools => $pools, desired => $desired);
    start_clients($node, 'operate', 1);
    $node->poll_query_until('postgres', "SELECT count(*) >= $claims + 5 FROM load.answers WHERE workspace_id IS NOT NULL");
    # A random point of time is what this is about, not one that anybody could wait for.
    usleep(rand 500_000);
    ok($break{$victim}->(), "$victim: the server is back") or last;
    stop_clients('claim', 'push', 'operate');
    settles($node, $victim);
    sound($node, $victim);
}

stop_clients();
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM load.samples'), '>', 100, 'the pools were looked at all the time');
is(unexpected_errors($node, qr/^55000 agent \S+ is deleted$/), '', 'nobody met an error but the loss of the connection');
$node->stop;

done_testing();
