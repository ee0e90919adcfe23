# Claims, jobs and refills at a steady rate, for a while beside an old transaction that keeps every dead row: nothing
# gets slower, nothing piles up, and afterwards the space is used again.
use strict;
use warnings;
use LoadTest;
use Test::More;

my $desired = 20;
my $claims_per_window = 100;
my $node = start_load_node('main');
install_load($node, 1, $desired);
start_clients($node, 'provision', 4, fresh => 1, failures => 0);
settles($node, 'at first');
start_clients($node, 'steady', 2);

my $claims = 0;
my $backlog = 0;

# The median of the milliseconds that the next claims take.
sub window
{
    my ($name) = @_;
    $node->poll_query_until('postgres', "SELECT count(workspace_id) >= $claims + $claims_per_window FROM load.answers") or die "no claims";
    my $median = $node->safe_psql('postgres', <<"SQL");
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds)
  FROM (SELECT milliseconds FROM load.answers WHERE workspace_id IS NOT NULL
         ORDER BY answered_at OFFSET $claims LIMIT $claims_per_window) AS these
SQL
    $claims += $claims_per_window;
    my $pending = $node->safe_psql('postgres', q{SELECT count(*) FROM prebuilds.provisioner_jobs WHERE job_status = 'pending'});
    $backlog = $pending if $pending > $backlog;
    note(sprintf('%s: a claim takes %.1f ms, %d jobs are pending', $name, $median, $pending));
    return $median;
}

window('warming up');
my $usual = window('as usual');
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM prebuilds.live_prebuilds');
my @beside = map { window("beside an old transaction, $_") } 1 .. 3;
$old->quit;
my $after = window('after it');

# The machine may have other things to do, and a test is no benchmark.
cmp_ok($_, '<', 4 * $usual + 10, 'claims take as long as before beside an old transaction') for @beside;
cmp_ok($after, '<', 4 * $usual + 10, 'and after it');
cmp_ok($backlog, '<', 4 * $desired, 'jobs do not pile up');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM load.answers WHERE workspace_id IS NULL'), '<', $claims / 10, 'refills keep up');

# ---- dead rows ----
stop_clients('steady');
settles($node, 'at last');
stop_clients();
my @tables = split /\n/, $node->safe_psql('postgres', q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'prebuilds'::regnamespace AND relkind = 'r'});
$node->safe_psql('postgres', "VACUUM $_") for @tables;
is($node->safe_psql('postgres', q{SELECT relname, n_dead_tup FROM pg_stat_all_tables WHERE schemaname = 'prebuilds' AND n_dead_tup > 0}),
    '', 'VACUUM leaves no dead row');

my $size = q{SELECT pg_relation_size('prebuilds.live_prebuilds') + pg_indexes_size('prebuilds.live_prebuilds')};
my $before = $node->safe_psql('postgres', $size);
start_clients($node, 'provision', 4, fresh => 1, failures => 0);
start_clients($node, 'steady', 2);
window('in space that was freed');
cmp_ok($node->safe_psql('postgres', $size), '<=', $before, 'the read model does not grow again');
stop_clients('steady');
settles($node, 'in the end');
sound($node, 'in the end');
stop_clients();
is(unexpected_errors($node), '', 'no error');
$node->stop;

done_testing();
