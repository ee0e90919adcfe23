# Every measure of `make bench` on next to no data: they run, and what does not depend on the machine is right.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../../bench/lib";
use Host;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use PrebuildsTest;

my $node = start_node('bench', 'max_connections = 60', 'track_commit_timestamp = on');
my $output = PostgreSQL::Test::Utils::tempdir() . '/results.json';
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
# Its exit status tells whether targets are met, which is a matter of the machine.
my ($stdout, $stderr) = run_command([ "$FindBin::Bin/../../bench/measure", '--size', 'smoke', '--output', $output ]);
note $stdout;

my $results = eval { JSON::PP->new->utf8->decode(slurp_file($output)) };
ok($results, 'measures run') or diag $stderr;
unlike($stderr, qr/^\S+ failed: /m, 'and none fails');
# The machine's own speed belongs to no line.
my %lines = map { $_->{line} => 1 } grep { $_->{line} ne '' } @{ $results->{results} };
is_deeply([ sort { $a <=> $b } keys %lines ], [ 1 .. 10 ], 'every line of the table is measured');

sub value
{
    my ($measure) = @_;
    my ($found) = grep { $_->{measure} eq $measure } @{ $results->{results} };
    return defined $found ? $found->{value} : undef;
}

is(value('claims that found nothing, all runs'), 0, 'every claim of a steady run is answered');
cmp_ok(value('of them left after a VACUUM'), '<', 0.1, 'a snapshot that is gone leaves no dead rows behind');
cmp_ok(value('every wake-up lost, sweeps every second, latest'), '<', 10_000, 'a sweep does what lost wake-ups did not');

# ---- what depends on how fast a machine is, in its own transactions ----
my $rate = value('bare transaction with the rows of a claim, 16 clients');
sub in_bare_transactions
{
    my ($measure) = @_;
    my @all = @{ $results->{results} };
    my ($at) = grep { $all[$_]{measure} eq $measure } 0 .. $#all;
    is($all[ $at + 1 ]{measure}, 'the same, in bare transactions', "$measure is shown in bare transactions");
    return sprintf '%.6g %s', @{ $all[ $at + 1 ] }{qw(value target)};
}
my $claim = 'claim and its commit on the server, D1, p50';
my $pairs = 'acquire + complete, 16 daemons, synchronous_commit = on';
is(in_bare_transactions($claim), sprintf('%.6g ≤ 1.5', value($claim) / 1000 * $rate), 'a time: as many as it takes');
is(in_bare_transactions($pairs), sprintf('%.6g ≥ 0.533', value($pairs) / $rate), 'a rate: a part of theirs');

# ---- what happens while the host of a virtual machine takes its processors does not count ----
my @now = ([ 100, 0, 0 ], [ 101, 200, 4 ], [ 102, 400, 9 ], [ 103, 600, 9 ], [ 104, 800, 20 ]);
my $host = Host->new(sub { my %now; @now{qw(at total stolen)} = @{ shift @now }; return \%now });
$host->look for 1 .. 4;
# Each took 100 ms.
my @left = $host->undisturbed(map { [ $_, 100, "until $_" ] } 103.9, 100.5, 102.05, 102.5, 101.5, 104.5);
is_deeply([ map { $_->[2] } @left ], [ 'until 100.5', 'until 102.5', 'until 104.5' ],
    'what no disturbed second touches is left');
is_deeply([ map { $host->seconds($_) } qw(disturbed undisturbed) ], [ 2, 2 ], 'and how many there were');
for my $name ('without', 'with a pinned snapshot')
{
    my $share = value("undisturbed seconds of all, $name");
    ok($share >= 0 && $share <= 1, "a steady run is watched, $name");
}

# ---- what has to be asked for ----
my ($long) = run_command([ "$FindBin::Bin/../../bench/measure", '--size', 'smoke', 'endurance' ]);
like($long, qr/claims that found nothing +0 /, 'the run that lasts an hour runs');

done_testing();
