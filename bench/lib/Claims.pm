# Lines 5 to 7: claims alone, many at once, and how soon what was claimed is being replaced.
package Claims;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use Results;
use Server;
use Statistics;

our @EXPORT = qw(measure_claims measure_throughput measure_reaction);

# Every claim has to find something.
sub check_claims
{
    my ($session) = @_;
    my $missed = $session->query(
        q{SELECT count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_missed'});
    die "$missed claims found nothing\n" if $missed > 0;
    return;
}

# Claims from D1 and D10 in turns, claims whose commit does not wait, and the rows alone, by the server's clock; then what
# a client waits for a claim and for the bare transaction. Others than those of D1 and D10 come from copies of D1, so that
# both age alike.
sub measure_claims
{
    my ($size) = @_;
    my @databases = qw(d1 d10);
    my %versions = (d1 => $size->{versions}, d10 => 10 * $size->{versions}, claim_others => $size->{versions});
    my (%session, %latencies, %medians);
    my $turns = $size->{turns};
    # Twice what a pool of claim_others has to give on average, and more for small ones.
    my $each = 20 + int(4 * (1 + $turns) * $size->{claims} / $size->{templates});
    my $first = 20 * 100_000_000;    # the bare prebuilds are numbered from here on
    $session{claim_others} = copy_database('claim_others', 'd1');
    my $bare = copy_database('claim_bare', 'd1');
    load($bare, "CALL bench.add_prebuilds(1, $size->{templates}, $size->{versions}, $each, batch => 20)",
        'CALL bench.disable_triggers()');
    for my $database (@databases, 'claim_others')
    {
        $session{$database} //= session($database);
        load($session{$database},
            "CALL bench.add_prebuilds(1, $size->{templates}, $versions{$database}, $each, batch => 10)");
        start_paused_worker($session{$database});
    }
    my $unflushed = session('claim_others');
    $unflushed->query('SET synchronous_commit = off');
    my %client = (transactions => $size->{claims});
    my %pools = (pools => $size->{templates}, version => $size->{versions});
    for my $turn (0 .. $turns)
    {
        my %times = map {
            $_ => [ times_on_server($session{$_}, 'time_claims', $size->{claims}, $size->{templates}, $versions{$_}) ]
        } $turn % 2 ? @databases : reverse @databases;
        my @unflushed = times_on_server($unflushed, 'time_claims', $size->{claims}, $size->{templates}, $versions{d1});
        my @rows_on_server = times_on_server($bare, 'time_rows_of_claims', $size->{claims}, $size->{templates},
            $size->{versions}, $first + (1 + $turns + $turn) * $size->{claims});
        my $claims = pgbench('claim_others', 'claim', %client, define => \%pools);
        my $rows = pgbench('claim_bare', 'claim_bare', %client,
            define => { %pools, n => 0, each => 0, first => $first + $turn * $size->{claims} });
        next if $turn == 0;    # warm-up
        for my $database (@databases)
        {
            push @{ $latencies{$database} }, @{ $times{$database} };
            push @{ $medians{$database} }, median(@{ $times{$database} });
        }
        push @{ $medians{unflushed} }, median(@unflushed);
        push @{ $latencies{rows} }, @rows_on_server;
        push @{ $medians{rows} }, median(@rows_on_server);
        push @{ $medians{client} }, median(@{ $claims->{latencies} });
        push @{ $medians{bare} }, median(@{ $rows->{latencies} });
    }
    for my $database (@databases)
    {
        my $name = uc $database;
        observe(5, "claim and its commit on the server, $name, p50", $medians{$database}, unit => 'ms', most => 0.4,
            orientation => 1);
        observe(5, 'the same, p99', [ quantile(0.99, @{ $latencies{$database} }) ], unit => 'ms', most => 2);
    }
    for my $database (@databases, 'claim_others')
    {
        check_claims($session{$database});
        $session{$database}->query("SELECT prebuilds_worker_stop('benchmark')");
        $session{$database}->query('SELECT prebuilds_resume()');
    }
    observe_ratio(5, 'claim, D10 to D1', $medians{d10}, $medians{d1}, most => 1.2);
    observe(5, 'claim on the server, its commit not waited for, D1, p50', $medians{unflushed}, unit => 'ms');
    observe(5, 'its rows and nothing else, and their commit on the server, D1, p50', $medians{rows}, unit => 'ms');
    observe(5, 'the same, p99', [ quantile(0.99, @{ $latencies{rows} }) ], unit => 'ms');
    observe_ratio(5, 'claim on the server to its rows, p50', $medians{d1}, $medians{rows});
    observe(5, 'what a client waits for a claim, D1, p50', $medians{client}, unit => 'ms');
    observe(5, 'what it waits for a bare transaction with the same rows, p50', $medians{bare}, unit => 'ms');
    observe_ratio(5, 'claim to that', $medians{client}, $medians{bare});
    drop_database($_) for qw(claim_bare claim_others);
    return;
}

# All ways claim the same number of prebuilds in each round. Nobody cleans up between the rounds, so that the last ones
# measure what many claims have left behind.
sub measure_throughput
{
    my ($size) = @_;
    my ($templates, $versions, $transactions, $rounds) = @{$size}{qw(templates versions transactions rounds)};
    my $clients = 16;
    my $total = $clients * $transactions;
    my $each = 1 + int($rounds * $total / $templates);
    my $deep = int(1.3 * $each) + 50;
    my $all = $rounds * $total;
    my %session = (bare => copy_database('claims_bare', 'd1'), claims => copy_database('claims', 'd1'));
    load($session{bare}, "CALL bench.add_prebuilds(1, $templates, $versions, $each, batch => 20)",
        'CALL bench.disable_triggers()');
    load($session{claims}, "CALL bench.add_prebuilds(1, $templates, $versions, $deep, batch => 20)",
        "CALL bench.add_prebuilds(1, 1, $versions, $all, batch => 21)");
    start_paused_worker($session{claims});

    my %rate;
    my %options = (clients => $clients, transactions => $transactions);
    for my $round (1 .. $rounds)
    {
        my $first = 20 * 100_000_000 + ($round - 1) * $total;
        push @{ $rate{bare} }, pgbench('claims_bare', 'claim_bare', %options,
            define => { version => $versions, pools => $templates, n => 0, each => $transactions, first => $first })->{steady_tps};
        for my $pools (1, $templates)
        {
            push @{ $rate{$pools} }, pgbench('claims', 'claim', %options,
                define => { version => $versions, pools => $pools })->{steady_tps};
        }
    }
    check_claims($session{claims});
    observe(6, 'bare transaction with the rows of a claim, 16 clients', $rate{bare}, unit => '/s');
    observe(6, "claims, $templates pools", $rate{$templates}, unit => '/s');
    observe_ratio(6, "claims, $templates pools, to bare transactions", $rate{$templates}, $rate{bare}, least => 0.8);
    observe(6, 'claims, one pool', $rate{1}, unit => '/s');
    observe_ratio(6, 'claims, one pool, to bare transactions', $rate{1}, $rate{bare}, least => 0.65);
    drop_database($_) for qw(claims claims_bare);
    return;
}

# Claims at a rate while another session watches the queue.
sub reactions
{
    my ($session, $size, $rate, $seconds) = @_;
    my $since = $session->query('SELECT clock_timestamp()');
    my $watcher = session('reaction');
    $watcher->query('SET synchronous_commit = off');
    $watcher->send('CALL bench.watch_jobs(' . ($seconds + 3) . ')');
    pgbench('reaction', 'claim', clients => $rate > 100 ? 8 : 1, rate => $rate, seconds => $seconds,
        define => { pools => $size->{templates}, version => $size->{versions} });
    $watcher->answer;
    my @times = $session->query("SELECT coalesce(r, 'infinity') FROM bench.reactions('$since') AS r");
    check_claims($session);
    my $lost = grep { /inf/i } @times;
    die "$lost of " . @times . " claimed prebuilds were not replaced\n" if $lost;
    return @times;
}

sub measure_reaction
{
    my ($size) = @_;
    my ($rate, $seconds) = ($size->{rate}, $size->{seconds});
    # So deep that no pool runs dry: nobody provisions.
    my $desired = 20 + int(1.5 * ($rate + 30) * ($seconds + 3) / $size->{templates});
    my $session = new_database('reaction', "CALL bench.generate($size->{templates}, $size->{versions}, $desired)");
    set_server('prebuilds.reconciliation_interval' => '1h');
    $session->query('SELECT prebuilds_worker_start()');
    wait_until(sub { $session->query('SELECT last_pass FROM prebuilds_worker_status()') });

    reactions($session, $size, 20, 1);    # warm-up
    my @idle = reactions($session, $size, 20, $seconds);
    observe(7, 'claim → replacement visible, idle, p50', \@idle, unit => 'ms', most => 3);
    observe(7, 'the same, p99', \@idle, unit => 'ms', most => 10, value => quantile(0.99, @idle));
    # What runs now and then takes longer than the same over and over, whatever it is.
    my (@steady, @rare);
    for my $round (1 .. $size->{rounds})
    {
        push @steady, median(@{ pgbench('reaction', 'insert', transactions => 10 * $size->{passes})->{latencies} });
        push @rare, median(@{ pgbench('reaction', 'insert', rate => 20, seconds => 3)->{latencies} });
    }
    observe(7, 'an INSERT of one row, over and over, p50', \@steady, unit => 'ms');
    observe_ratio(7, 'the same 20 times a second, to that', \@rare, \@steady);
    my @busy = reactions($session, $size, $rate, $seconds);
    observe(7, "claim → replacement visible, $rate claims/s, p50", \@busy, unit => 'ms', most => 10);
    observe(7, 'the same, p99', \@busy, unit => 'ms', most => 50, value => quantile(0.99, @busy));

    set_server('prebuilds.reconciliation_interval' => '1s', 'prebuilds.debug_drop_wakeups' => 'on');
    my @lost = reactions($session, $size, 10, $seconds);
    # The sweep itself takes its time.
    observe(7, 'every wake-up lost, sweeps every second, latest', \@lost, unit => 'ms', most => 1100,
        value => quantile(1, @lost));
    set_server('prebuilds.reconciliation_interval' => undef, 'prebuilds.debug_drop_wakeups' => undef);
    drop_database('reaction');
    return;
}

1;
