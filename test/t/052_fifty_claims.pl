# Fifty connections that claim from fifty prebuilds at the same time each get their own.
use strict;
use warnings;
use IPC::Run qw(start);
use LoadTest;
use Test::More;

my $node = start_load_node('main');
install_load($node, 1, 50);
start_clients($node, 'provision', 4, fresh => 1, failures => 0);
ok($node->poll_query_until('postgres', 'SELECT eligible = 50 FROM load.pools'), 'fifty prebuilds are ready');
stop_clients();
# What comes after them must not be claimed in their place.
$node->safe_psql('postgres', "SELECT prebuilds_worker_stop('the pool is not to be filled')");

my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(1)');
my $claims = start([ $node->installed_command('pgbench'), '-n', '-c', 50, '-j', 2, '-t', 1, '-f', script('claim_together'),
        $node->connstr('postgres') ], '>', \my $report, '2>', \my $errors);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 50 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
    'fifty claims in fifty transactions that are open at the same time');
$gate->quit;
ok($claims->finish, 'all of them commit') or diag($errors);

is( $node->safe_psql('postgres', 'SELECT count(*), count(workspace_id), count(DISTINCT workspace_id), count(DISTINCT client) FROM load.answers'),
    '50|50|50|50',
    'nobody goes without, nobody gets what another one has');
is($node->safe_psql('postgres', 'SELECT eligible FROM load.pools'), '0', 'nothing is left');
sound($node, 'afterwards');
is(unexpected_errors($node), '', 'no error');
$node->stop;

done_testing();
