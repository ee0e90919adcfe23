# Claimers, provisioners, authors and operators all at once, and somebody who ends their sessions, or kills them.
use strict;
use warnings;
use LoadTest;
use PrebuildsTest;
use Test::More;

my ($pools, $desired) = (4, 6);
my $node = start_load_node('main', "prebuilds.reconciliation_interval = '2s'");
install_load($node, $pools, $desired);
start_clients($node, 'provision', 16, fresh => 1, failures => 3);
start_clients($node, 'sample', 1);
settles($node, 'at first');

start_clients($node, 'claim', 16, pools => $pools);
start_clients($node, 'push', 1, pools => $pools, desired => $desired);
start_clients($node, 'operate', 1);
note('seed ' . srand);
my $killed = 0;
for my $round (1 .. 15)
{
    my $answers = $node->safe_psql('postgres', 'SELECT count(*) FROM load.answers');
    $node->poll_query_until('postgres', "SELECT count(*) >= $answers + 60 FROM load.answers") or last;
    my $victim = $node->safe_psql('postgres', <<'SQL');
SELECT pid FROM pg_stat_activity
 WHERE (application_name IN ('claim', 'provision', 'push', 'operate') OR backend_type LIKE 'pg_prebuilds%')
 ORDER BY random() LIMIT 1
SQL
    my $offset = -s $node->logfile;
    if (rand() < 0.15)
    {
        kill 'KILL', $victim or next;
        $node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
        comes_back($node);
    }
    else
    {
        $node->safe_psql('postgres', "SELECT pg_terminate_backend($victim, 10000)");
    }
    $killed++;
}
cmp_ok($killed, '>', 10, 'sessions ended under load');
stop_clients('claim', 'push', 'operate');
settles($node, 'at last');
sound($node, 'at last');
stop_clients();

my ($answers, $claims, $versions, $samples) = split /\|/,
  $node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM load.answers), (SELECT count(workspace_id) FROM load.answers),
    (SELECT count(*) FROM prebuilds.template_versions), (SELECT count(*) FROM load.samples)');
note("$answers answers, $claims claims, $versions versions, $samples looks at the pools");
cmp_ok($claims, '>', 50, 'claims got through');
cmp_ok($samples, '>', 100, 'the pools were looked at all the time');
is(unexpected_errors($node, qr/^55000 agent \S+ is deleted$/), '', 'no deadlock, and no other error');
$node->stop;

done_testing();
