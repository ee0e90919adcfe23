# Lines 8 and 9: the queue of provisioners, and all parts together for a while.
package Queue;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use Host;
use List::Util qw(max min sum0);
use Results;
use Server;
use Statistics;

our @EXPORT = qw(measure_acquire measure_pairs measure_steady measure_endurance);

my %new_daemons = (registered => 0);

# Every acquire has to find what it should.
sub check_started
{
    my ($session, $expected) = @_;
    my $started = $session->query(
        'SELECT count(*) FROM prebuilds.provisioner_jobs WHERE started_at IS NOT NULL AND completed_at IS NULL');
    die "acquires started $started jobs instead of $expected\n" if $started != $expected;
    return;
}

# A daemon that looks for a job, in queues of different length and among jobs that it may not take, by the server's
# clock. It is the queue's own time, not the disk's: commits do not wait.
sub measure_acquire
{
    my ($size) = @_;
    my ($turns, $acquires) = @{$size}{qw(turns acquires)};
    my @lengths = @{ $size->{pending} };
    my ($some, $most) = @lengths[ 1, 2 ];
    my $taken = (1 + $turns) * (warm_up + $acquires);    # by a client; on the server less
    my $batch = 11;
    my $add_jobs = sub {
        my ($length, $more) = @_;
        my $each = 1 + int(($length + $taken) / $size->{templates});
        return "CALL bench.add_prebuilds(1, $size->{templates}, 1, $each, batch => $batch, pending => true$more)";
    };
    my %queues = (
        (map { $_ => [ $_ > 0 ? $add_jobs->($_, '') : () ] } @lengths),
        others => [ $add_jobs->($most, ', tag_sets => 40') ],
        client => [ $add_jobs->($some, '') ],
        bare => [ $add_jobs->($some, ''), 'CALL bench.disable_triggers()' ]);
    my %session;
    for my $queue (sort keys %queues)
    {
        $session{$queue} = new_database("queue_$queue", "CALL bench.generate($size->{templates}, 1)",
            @{ $queues{$queue} });
        $session{$queue}->query('SET synchronous_commit = off');
    }
    my %times;
    for my $turn (0 .. $turns)
    {
        my %time = map { $_ => median(times_on_server($session{$_}, 'time_acquires', $acquires)) } @lengths, 'others';
        $time{rows} = median(times_on_server($session{bare}, 'time_rows_of_acquires', $acquires,
            $batch * 100_000_000 + $turn * $acquires));
        $time{$_} = time_of_script('queue_client', $_, $acquires, define => \%new_daemons,
            settings => { synchronous_commit => 'off' }) for qw(acquire nothing);
        next if $turn == 0;    # warm-up
        push @{ $times{$_} }, $time{$_} for keys %time;
    }
    my $each = (1 + $turns) * $acquires;
    my %started = (0 => 0, $some => $each, $most => $each, others => 0, client => $taken, bare => $each);
    check_started($session{$_}, $started{$_}) for sort keys %started;
    observe(8, "acquire on the server, $_ pending jobs", $times{$_}, unit => 'ms', most => 0.3) for @lengths;
    observe(8, "acquire on the server, $most jobs that it may not take", $times{others}, unit => 'ms', most => 0.3);
    observe_ratio(8, "acquire, $most to $some pending jobs", $times{$most}, $times{$some}, most => 1.25);
    observe(8, 'its rows and nothing else, on the server', $times{rows}, unit => 'ms');
    observe_ratio(8, "acquire, $some pending jobs, to that", $times{$some}, $times{rows});
    observe(8, "what a client waits for an acquire, $some pending jobs", $times{acquire}, unit => 'ms');
    observe(8, 'what it waits for nothing', $times{nothing}, unit => 'ms');
    %session = ();
    drop_database("queue_$_") for sort keys %queues;
    return;
}

# Daemons that take jobs and complete them, as many as they can.
sub measure_pairs
{
    my ($size) = @_;
    my $clients = 16;
    my $each = int($clients * $size->{transactions} / $size->{templates}) + 1;
    my %pairs = (clients => $clients, transactions => $size->{transactions});
    my $batch = 10;
    my $session = new_database('pairs', "CALL bench.generate($size->{templates}, 1)");
    my $bare = new_database('pairs_bare', "CALL bench.generate($size->{templates}, 1)");
    my (@rates, @bare_rates);
    for my $round (1 .. $size->{rounds})
    {
        my @load = ('CALL bench.remove_workspaces()',
            "CALL bench.add_prebuilds(1, $size->{templates}, 1, $each, batch => " . ++$batch . ', pending => true)');
        load($bare, @load, 'CALL bench.disable_triggers()');
        push @bare_rates, pgbench('pairs_bare', 'acquire_complete_bare', %pairs,
            define => { n => 0, each => $size->{transactions}, first => $batch * 100_000_000 })->{steady_tps};
        load($session, @load);
        push @rates, pgbench('pairs', 'acquire_complete', %pairs, define => \%new_daemons)->{steady_tps};
    }
    observe(8, 'acquire + complete, 16 daemons, synchronous_commit = on', \@rates, unit => '/s', least => 2000,
        orientation => 1);
    observe(8, 'the rows that both write, and nothing else', \@bare_rates, unit => '/s');
    observe_ratio(8, 'acquire + complete, to that', \@rates, \@bare_rates);
    drop_database($_) for qw(pairs pairs_bare);
    return;
}

# Everything at work: claims at a rate, passes that replace what is claimed, daemons that build it.
sub steady_run
{
    my ($size, $pinned) = @_;
    my ($rate, $seconds) = @{$size}{qw(rate steady)};
    my $warm_up = $seconds < 5 ? 1 : 5;
    my $desired = 10 + int(5 * $rate / $size->{templates});
    my $session = new_database('steady', "CALL bench.generate($size->{templates}, $size->{versions}, $desired)");
    $session->query('SELECT prebuilds_worker_start()');
    my $provisioners = start_pgbench('steady', 'provision', clients => 4, seconds => $warm_up + $seconds + 5,
        define => \%new_daemons);
    my %claims = (clients => 8, rate => $rate, define => { pools => $size->{templates}, version => $size->{versions} });
    pgbench('steady', 'claim', %claims, seconds => $warm_up);
    $session->query('TRUNCATE bench.times');
    my $since = $session->query('SELECT clock_timestamp()');

    my $pin = session('steady');
    $pin->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM prebuilds.templates') if $pinned;
    my $host = Host->new;
    my $claims = pgbench('steady', 'claim', %claims, seconds => $seconds, host => $host);
    my @acquires = acquires($session);
    my $dead = $session->query(dead_rows());
    $pin->query('COMMIT') if $pinned;
    finish_pgbench($provisioners);

    my @passes = passes($session, $since);
    my $missed = $session->query(q{SELECT count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_missed'});
    # In the end every pool is as desired, once more.
    wait_until(sub { $session->query('SELECT count(*) FROM prebuilds_status() WHERE actual + starting <> desired') == 0 });
    $session->query("SELECT prebuilds_worker_stop('benchmark')");
    $session->query('VACUUM');
    my $left = $session->query(dead_rows());
    drop_database('steady');
    my %events = (claims => $claims->{transactions}, acquires => \@acquires);
    show_minutes($seconds, $pinned ? 'pinned' : 'free', %events, passes => \@passes);
    my $pass = mean(map { $_->[1] } @passes);
    return {
        (map { $_ => [ map { $_->[1] } @{ $events{$_} } ] } keys %events),
        (map { ("undisturbed $_" => [ map { $_->[1] } $host->undisturbed(@{ $events{$_} }) ]) } keys %events),
        (map { $_ => [ $host->seconds($_) ] } qw(disturbed undisturbed)), pass => [$pass], missed => [$missed], dead => [$dead],
        left => [$left] };
}

# [time, milliseconds] of what daemons asked for since bench.times was emptied, and of passes since an instant.
sub acquires
{
    my ($session) = @_;
    return map { [ split ' ' ] } $session->query(q{SELECT extract(epoch FROM at) || ' ' || milliseconds FROM bench.times});
}

sub passes
{
    my ($session, $since) = @_;
    return map { [ split ' ' ] } $session->query(<<"SQL");
SELECT extract(epoch FROM created_at) || ' ' || 1000 * extract(epoch FROM elapsed)
  FROM prebuilds.reconcile_passes WHERE created_at >= '$since'
SQL
}

# How it went, minute by minute, of [time, milliseconds]: what gets slower and slower a median hides.
sub show_minutes
{
    my ($seconds, $name, %events) = @_;
    my $began = min(map { $_->[0] } @{ $events{claims} });
    for my $minute (0 .. int(($seconds - 1) / 60))
    {
        my %times = map { $_ => [] } keys %events;
        for my $what (keys %events)
        {
            push @{ $times{$what} }, $_->[1] for grep { int(($_->[0] - $began) / 60) == $minute } @{ $events{$what} };
        }
        show_times("$name, minute " . ($minute + 1), %times);
    }
    return;
}

# Of milliseconds.
sub show_times
{
    my ($when, %times) = @_;
    my @claim_and_acquire = map { my $of = $times{$_}; map { quantile($_, @$of) // 0 } 0.5, 0.99 } qw(claims acquires);
    progress(sprintf '        %s: claim %.2f and %.2f ms, acquire %.2f and %.2f ms (p50, p99), mean pass %.2f ms', $when,
        @claim_and_acquire, mean(@{ $times{passes} }));
    return;
}

sub dead_rows
{
    return q{SELECT pg_stat_clear_snapshot() || sum(n_dead_tup)::text FROM pg_stat_user_tables WHERE schemaname = 'prebuilds'};
}

# Two runs of either kind, in an order in which a machine that gets faster or slower favours neither.
sub measure_steady
{
    my ($size) = @_;
    my %runs;
    push @{ $runs{$_} }, steady_run($size, $_ eq 'pinned') for qw(free pinned pinned free);
    my %both;
    for my $kind (qw(free pinned))
    {
        for my $run (@{ $runs{$kind} })
        {
            push @{ $both{$kind}{$_} }, @{ $run->{$_} } for keys %$run;
        }
    }
    my $at = "$size->{rate}/s for $size->{steady} s";
    my %undisturbed = map { $_ => sum0(@{ $both{$_}{undisturbed} }) } qw(free pinned);
    my $enough = min(values %undisturbed) >= 30;    # seconds
    for my $what (qw(claims acquires))
    {
        for my $percent (50, 99)
        {
            my $of = sub { my ($run) = @_; return quantile($percent / 100, @{ $run->{$what} }) };
            my ($free, $pinned) = map { [ map { $of->($_) } @{ $runs{$_} } ] } qw(free pinned);
            my $name = $what eq 'claims' ? 'claim' : 'acquire';
            observe(9, "$name at $at, p$percent", $free, unit => 'ms', value => $of->($both{free}));
            observe_ratio(9, 'the same with a pinned snapshot, to that', $pinned, $free, most => 1.25,
                value => $of->($both{pinned}) / $of->($both{free}));
            next unless $enough;
            my ($undisturbed_free, $undisturbed_pinned) =
              map { quantile($percent / 100, @{ $both{$_}{"undisturbed $what"} }) } qw(free pinned);
            observe(9, 'the same, in undisturbed seconds', [ $undisturbed_pinned / $undisturbed_free ], unit => '×',
                most => 1.25);
        }
    }
    my ($free, $pinned) = @both{qw(free pinned)};
    for my $kind (qw(free pinned))
    {
        my $name = $kind eq 'free' ? 'without' : 'with a pinned snapshot';
        my $share = $undisturbed{$kind} / ($undisturbed{$kind} + sum0(@{ $both{$kind}{disturbed} }));
        observe(9, "undisturbed seconds of all, $name", [$share], unit => '×');
    }
    observe(9, 'mean pass, without', $free->{pass}, unit => 'ms');
    observe(9, 'mean pass, with a pinned snapshot', $pinned->{pass}, unit => 'ms');
    observe(9, 'claims that found nothing, all runs', [ sum0(map { @{ $_->{missed} } } $free, $pinned) ], unit => '',
        most => 0);
    observe(9, 'dead rows at the end of the pin', $pinned->{dead}, unit => '');
    observe(9, 'of them left after a VACUUM', [ map { $pinned->{left}[$_] / max(1, $pinned->{dead}[$_]) } 0, 1 ],
        unit => '×', most => 0.01);
    return;
}

# Claims and refills at a rate for long: twelve windows, the fifth and the sixth beside one old transaction. No window may
# be slower than the usual one, and the space that dead rows took is used again.
sub measure_endurance
{
    my ($size) = @_;
    my ($rate, $seconds) = @{$size}{qw(rate endurance)};
    my $windows = 12;
    my $desired = 10 + int(5 * $rate / $size->{templates});
    my $session = new_database('endurance', "CALL bench.generate($size->{templates}, $size->{versions}, $desired)");
    $session->query('SELECT prebuilds_worker_start()');
    my $provisioners = start_pgbench('endurance', 'provision', clients => 4, seconds => 10 * $seconds, define => \%new_daemons);
    my %claims = (clients => 8, rate => $rate, define => { pools => $size->{templates}, version => $size->{versions} });
    pgbench('endurance', 'claim', %claims, seconds => 5);

    my $pin = session('endurance');
    my (%p50, %p99, @sizes, @undisturbed, @missed, @late);
    for my $window (1 .. $windows)
    {
        $pin->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM prebuilds.templates') if $window == 5;
        $session->query('TRUNCATE bench.times');
        my $since = $session->query('SELECT clock_timestamp()');
        my $host = Host->new;
        my $run = pgbench('endurance', 'claim', %claims, seconds => int($seconds / $windows), host => $host);
        my %events = (claims => $run->{transactions}, acquires => [ acquires($session) ]);
        for my $what (keys %events)
        {
            my @times = map { $_->[1] } @{ $events{$what} };
            push @{ $p50{$what} }, quantile(0.5, @times);
            push @{ $p99{$what} }, quantile(0.99, @times);
            push @{ $p50{"undisturbed $what"} }, quantile(0.5, map { $_->[1] } $host->undisturbed(@{ $events{$what} }));
        }
        push @undisturbed, $host->seconds('undisturbed');
        push @sizes, $session->query(<<'SQL');
SELECT pg_table_size('prebuilds.live_prebuilds') + pg_indexes_size('prebuilds.live_prebuilds')
     + pg_relation_size('prebuilds.provisioner_jobs_pending_idx') + pg_relation_size('prebuilds.provisioner_jobs_running_idx')
SQL
        $events{passes} = [ passes($session, $since) ];
        push @missed, $session->query(
            "SELECT count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_missed' AND created_at >= '$since'");
        push @late, $run->{late} / 1000;
        $pin->query('COMMIT') if $window == 6;
        show_times("window $window", map { my $of = $events{$_}; $_ => [ map { $_->[1] } @$of ] } keys %events);
        progress(sprintf '        pools and queue %.1f MB, undisturbed %.0f s, claims begun at most %.2f s late, %d found nothing',
            $sizes[-1] / 1024 / 1024, $undisturbed[-1], $late[-1], $missed[-1]);
    }
    stop_pgbench($provisioners);
    my $failed = $session->query(q{SELECT passes FROM prebuilds.pass_counts() WHERE outcome = 'failed'});
    $session->query("SELECT prebuilds_worker_stop('benchmark')");

    my $at = "$rate/s for $seconds s";
    my $enough = min(@undisturbed) >= 30;    # seconds
    for my $what (qw(claims acquires))
    {
        my $name = $what eq 'claims' ? 'claim' : 'acquire';
        observe(9, "$name at $at, p50 of $windows windows", $p50{$what}, unit => 'ms');
        my @windows = ([ 'the slowest of them, to the median', $p50{$what} ]);
        push @windows, [ 'the same, in undisturbed seconds', $p50{"undisturbed $what"} ] if $enough;
        observe(9, $_->[0], [ max(@{ $_->[1] }) / median(@{ $_->[1] }) ], unit => '×', most => 1.25) for @windows;
        observe(9, "$name at $at, p99 of $windows windows", $p99{$what}, unit => 'ms');
    }
    # What the old transaction kept may stay allocated, but is filled again.
    observe(9, 'pools and queue at the end, to the end of the old transaction', [ $sizes[-1] / $sizes[5] ], unit => '×', most => 1.1);
    observe(9, 'claims that found nothing', [ sum0(@missed) ], unit => '', most => 0);
    # Daemons fall behind where a host takes the processors; where it stops the machine, what was due comes at once.
    my @calm = grep { $late[$_] < 1 && $undisturbed[$_] >= 0.8 * $seconds / $windows } 0 .. $#missed;
    observe(9, 'the same, in the ' . @calm . ' windows of which the host disturbed less than a fifth',
        [ sum0(@missed[@calm]) ], unit => '', most => 0);
    observe(9, 'passes that failed', [$failed], unit => '', most => 0);
    drop_database('endurance');
    return;
}

1;
