# Lines 1 to 4: passes that find nothing to do, and passes that create.
package Passes;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use Results;
use Server;
use Statistics;

our @EXPORT = qw(measure_unchanged measure_wide measure_creates measure_writers measure_mix);

# NoOps on D1 and D10.
sub measure_unchanged
{
    my ($size) = @_;
    my $presets = $size->{templates} * $size->{versions};
    my (%times, @by_preset);
    for my $turn (1 .. $size->{turns})
    {
        push @{ $times{$_} }, time_of_script($_, 'pass', $size->{passes}) for $turn % 2 ? qw(d1 d10) : qw(d10 d1);
        my $one = pgbench('d1', 'pass_by_queries_per_preset', transactions => $size->{passes},
            define => { presets => $size->{templates}, version => $size->{versions} });
        push @by_preset, $presets * median(@{ $one->{latencies} });
    }
    observe(1, 'NoOps: pass with nothing to do, D1', $times{d1}, unit => 'ms', most => 1);
    observe(1, 'the same, D10', $times{d10}, unit => 'ms');
    observe_ratio(1, 'the same, D10 to D1', $times{d10}, $times{d1}, most => 1.2);
    observe_ratio(1, 'four queries for each preset of D1, to one pass', \@by_preset, $times{d1});
    return;
}

# The worker's last pass: when it began, and how long it took in milliseconds.
sub last_pass
{
    my ($session) = @_;
    return split /\|/, $session->query(
        q{SELECT last_pass, 1000 * extract(epoch FROM elapsed) FROM prebuilds_worker_status()});
}

# How long the pass took that a statement gave cause for.
sub pass_after
{
    my ($session, $statement) = @_;
    my $before = (last_pass($session))[0] // '';
    my ($when, $time);
    $session->query($statement);
    wait_until(sub { ($when, $time) = last_pass($session); $when && $when ne $before });
    return $time;
}

# Its passes after being woken for so many presets; for more than it can remember it looks at all of them.
sub woken_passes
{
    my ($session, $presets, $passes) = @_;
    my $wake = "SELECT prebuilds.note_changed(bench.preset(t, 1)) FROM generate_series(1, $presets) AS t";
    return map { pass_after($session, $wake) } 1 .. $passes;
}

# Full sweeps of the worker, which a reload brings about, in milliseconds, as it reports them.
sub full_sweeps
{
    my ($session, $passes) = @_;
    return map { pass_after($session, 'SELECT pg_reload_conf()') } 1 .. $passes;
}

# NoOps on W: a full sweep, and woken passes over few presets.
sub measure_wide
{
    my ($size) = @_;
    my $w = session('w');
    my (@sweeps, @counts, @configurations, @repeated);
    for my $turn (0 .. $size->{turns})
    {
        my $sweep = time_of_script('w', 'pass', $size->{sweeps});
        # Its two halves.
        my $counts = $w->milliseconds('SELECT count(*) FROM prebuilds.pools');
        my $configurations = $w->milliseconds('SELECT count(*) FROM prebuilds.find_active_presets()');
        my $repeated = $w->query(<<"SQL");
SELECT 1000 * extract(epoch FROM avg(r.elapsed))
  FROM generate_series(1, $size->{passes}) AS n, LATERAL prebuilds_reconcile_preset(bench.preset(1 + 0 * n, 1)) AS r
SQL
        next if $turn == 0;    # warm-up
        push @sweeps, $sweep;
        push @counts, $counts;
        push @configurations, $configurations;
        push @repeated, $repeated;
    }
    observe(2, 'NoOps: full sweep by a function call, W', \@sweeps, unit => 'ms', most => 50);
    observe(2, 'counting prebuilds by preset, by itself', \@counts, unit => 'ms');
    observe(2, 'reading the active configurations, by itself', \@configurations, unit => 'ms');

    set_server('prebuilds.reconciliation_interval' => '1h');
    my $session = session('w');
    $session->query('SELECT prebuilds_worker_start()');
    wait_until(sub { (last_pass($session))[0] });
    full_sweeps($session, 3);    # warm-up
    woken_passes($session, 1, 3);
    my (@by_worker, @empty, @slopes);
    for my $turn (1 .. $size->{turns})
    {
        push @by_worker, median(full_sweeps($session, $size->{sweeps}));
        my @points = map { [ $_, median(woken_passes($session, $_, $size->{wakeups})) ] } 1, 20, 60;
        my ($empty, $slope) = line_through(@points);
        push @empty, $empty;
        push @slopes, 1000 * $slope;
    }
    observe(2, 'full sweep by the worker, W', \@by_worker, unit => 'ms', most => 50);
    observe(2, 'woken pass of the worker, W, presets → 0', \@empty, unit => 'ms', most => 0.3);
    observe(2, 'the same, for each changed preset', \@slopes, unit => 'µs', most => 10, orientation => 1);
    # The worker's passes come out of a rest. These do not.
    observe(2, 'a pass over one preset, by function calls one after the other', \@repeated, unit => 'ms');
    $session->query("SELECT prebuilds_worker_stop('benchmark')");
    set_server('prebuilds.reconciliation_interval' => undef);
    return;
}

# What a pass has created, written in other ways into the same tables, with our triggers off: foreign keys and indexes
# are what they all pay. A service that looks things up on the way sends statements that nobody has prepared, as Go's
# database/sql does.
sub measure_creates
{
    my ($size) = @_;
    my ($presets, $each) = @{ $size->{contention} };
    my $total = $presets * $each;
    my $session = new_database('creates');
    $session->query("SET bench.keep_triggers = on; CALL bench.add_templates(1, $presets, 1, $each)");
    set_server('prebuilds.reconciliation_interval' => '1h');
    my (@pass, @bare, @one_by_one, @with_look_ups, @by_worker);
    for my $round (0 .. $size->{rounds})
    {
        my $pass = $session->milliseconds('SELECT * FROM prebuilds_reconcile_all()');
        my $created = $session->query('SELECT count(*) FROM prebuilds.workspaces');
        die "a pass created $created of $total workspaces\n" if $created != $total;
        $session->query('CALL bench.keep_rows(); CALL bench.remove_workspaces(); CALL bench.disable_triggers()');

        my $bare = $session->milliseconds('CALL bench.insert_kept_rows()');
        my @others;
        for my $script ([ 'create_one_by_one', 'prepared' ], [ 'create_with_look_ups', 'extended' ])
        {
            $session->query('CALL bench.remove_workspaces()');
            my $run = pgbench('creates', $script->[0], transactions => $size->{one_by_one}, protocol => $script->[1],
                define => { n => 0, presets => $presets });
            push @others, 1000 * $total / $run->{tps};
        }
        $session->query('CALL bench.remove_workspaces(); CALL bench.enable_triggers()');
        settle($session);    # triggers were off

        my $by_worker = pass_after($session, 'SELECT prebuilds_worker_start()');
        $created = $session->query('SELECT created FROM prebuilds_worker_status()');
        die "a pass of the worker created $created of $total workspaces\n" if $created != $total;
        $session->query("SELECT prebuilds_worker_stop('benchmark'); CALL bench.remove_workspaces()");
        next if $round == 0;    # warm-up
        push @pass, $pass;
        push @bare, $bare;
        push @one_by_one, $others[0];
        push @with_look_ups, $others[1];
        push @by_worker, $by_worker;
    }
    set_server('prebuilds.reconciliation_interval' => undef);
    observe(3, "ConnectionContention: $presets presets × $each creates in one pass", \@pass, unit => 'ms');
    observe_ratio(3, 'the same, to one bare multi-row INSERT', \@pass, \@bare, most => 1.8);
    observe_ratio(3, 'a transaction for each workspace, to the pass', \@one_by_one, \@pass);
    observe(3, 'the same creates in a pass of the worker', \@by_worker, unit => 'ms');
    observe_ratio(3, 'a transaction for each workspace, to that', \@one_by_one, \@by_worker, least => 4);
    observe_ratio(3, 'the same with 25 round trips, to that', \@with_look_ups, \@by_worker, least => 20);
    drop_database('creates');
    return;
}

# Passes of the worker that create so many prebuilds, ten for each preset, written by one process and by two in turns.
sub measure_writers
{
    my ($size) = @_;
    my @creates = @{ $size->{writers} };
    my $presets = $creates[-1] / 10;
    my $session = new_database('writers');
    $session->query("CALL bench.add_templates(1, $presets, 1, 0)");
    set_server('prebuilds.reconciliation_interval' => '1h');
    $session->query('SELECT prebuilds_worker_start()');
    for my $creates (@creates)
    {
        my %times;
        for my $round (0 .. $size->{rounds})
        {
            for my $writers (1, 2)
            {
                set_server('prebuilds.reconciliation_concurrency' => $writers);
                $session->query('SELECT prebuilds_pause(); CALL bench.remove_workspaces()');
                $session->query('UPDATE prebuilds.template_version_presets SET desired_instances = '
                      . "CASE WHEN id <= bench.preset($creates / 10, 1) THEN 10 ELSE 0 END; VACUUM ANALYZE");
                $session->query('CHECKPOINT; SELECT prebuilds_resume()');
                wait_until(sub { $session->query("SELECT created = $creates FROM prebuilds_worker_status()") eq 't' });
                my ($time) = (last_pass($session))[1];
                push @{ $times{$writers} }, $time if $round > 0;    # warm-up
            }
        }
        observe(3, "pass of the worker, $creates creates, by itself", $times{1}, unit => 'ms');
        observe_ratio(3, 'the same with two writers, to that', $times{2}, $times{1});
    }
    $session->query("SELECT prebuilds_worker_stop('benchmark')");
    set_server('prebuilds.reconciliation_interval' => undef, 'prebuilds.reconciliation_concurrency' => undef);
    drop_database('writers');
    return;
}

# Few presets that need workspaces, alone and among many inactive ones with nothing.
sub measure_mix
{
    my ($size) = @_;
    my ($active, $versions, $each) = @{ $size->{mix} };
    my %session = (
        alone => new_database('mix_alone'),
        mixed => new_database('mix_mixed'));
    $session{alone}->query("SET bench.keep_triggers = on; CALL bench.add_templates(1, $active, 1, $each)");
    $session{mixed}->query("SET bench.keep_triggers = on; CALL bench.add_templates(1, $active, $versions, $each)");
    my %times;
    # Short, and as different from each other as what happens beside them: it takes many to tell one tenth.
    for my $turn (0 .. 5 * $size->{turns})
    {
        for my $which ($turn % 2 ? qw(mixed alone) : qw(alone mixed))
        {
            my $time = $session{$which}->milliseconds('SELECT * FROM prebuilds_reconcile_all()');
            $session{$which}->query('CALL bench.remove_workspaces()');
            push @{ $times{$which} }, $time if $turn > 0;    # warm-up
        }
    }
    my $inactive = $active * ($versions - 1);
    observe(4, "Mix: $active presets × $each creates among $inactive inactive presets", $times{mixed}, unit => 'ms');
    # Of medians: single passes are too short for ratios in pairs.
    observe(4, 'the same, to the active ones alone', [ ratios($times{mixed}, $times{alone}) ], unit => '×',
        most => 1.1, value => median(@{ $times{mixed} }) / median(@{ $times{alone} }));
    drop_database("mix_$_") for qw(alone mixed);
    return;
}

1;
