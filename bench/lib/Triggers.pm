# Line 10: what our triggers cost those who write.
package Triggers;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use Results;
use Server;
use Statistics;

our @EXPORT = qw(measure_triggers);

my $user = q{bench.person($1)};
my $system = 'prebuilds.system_user_id()';

# Statements as a client prepares them, and the order in which it runs them for the n-th workspace.
sub statements
{
    my ($owner, $kind) = @_;
    return <<"SQL";
PREPARE ${kind}_workspace (bigint) AS
 INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name)
 VALUES (bench.id('$kind workspace', \$1), $owner, bench.organization(), bench.id('template', 1), '$kind-' || \$1);
PREPARE ${kind}_job (bigint) AS
 INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id)
 VALUES (bench.id('$kind job', \$1), bench.organization(), $owner);
PREPARE ${kind}_build (bigint) AS
 INSERT INTO prebuilds.workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id,
                                         job_id, template_version_preset_id)
 VALUES (bench.id('$kind build', \$1), bench.id('$kind workspace', \$1), bench.version(1, 1), 1, 'start', $owner,
         bench.id('$kind job', \$1), bench.preset(1, 1));
PREPARE ${kind}_parameters (bigint) AS
 INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value)
 VALUES (bench.id('$kind region', \$1), bench.id('$kind build', \$1), 'region', 'europe'),
        (bench.id('$kind size', \$1), bench.id('$kind build', \$1), 'size', 'large'),
        (bench.id('$kind image', \$1), bench.id('$kind build', \$1), 'image', 'default');
SQL
}

my $update = <<'SQL';
PREPARE user_update (bigint) AS
 UPDATE prebuilds.workspaces SET last_used_at = now() WHERE id = bench.id('user workspace', $1);
SQL

my %executed = (
    user => [ map { "user_$_" } qw(workspace job build parameters) ],
    prebuild => [ map { "prebuild_$_" } qw(workspace job build parameters) ],
    update => ['user_update']);

# CPU time of a backend for so many transactions, in microseconds for each.
sub cpu_time
{
    my ($session, $what, $first, $count) = @_;
    my $text = '';
    for my $n ($first .. $first + $count - 1)
    {
        $text .= 'BEGIN; ' . join('', map { "EXECUTE $_($n); " } @{ $executed{$what} }) . "COMMIT;\n";
    }
    my $before = $session->query('SELECT bench.cpu_time()');
    $session->query($text);
    return ($session->query('SELECT bench.cpu_time()') - $before) / 1000 / $count;
}

sub measure_triggers
{
    my ($size) = @_;
    my $control = new_database('triggers', "CALL bench.generate($size->{templates}, 1)");
    start_paused_worker($control);
    my $session = session('triggers');
    $session->query('SET synchronous_commit = off');
    $session->query($_) for statements($user, 'user'), statements($system, 'prebuild'), $update;
    my @kinds = (
        { what => 'user', text => "a user's whole workspace", most => 1.2, count => $size->{writes} },
        { what => 'prebuild', text => "a prebuild's", most => 1.4, count => $size->{writes} },
        { what => 'update', text => "an UPDATE of a user's workspace", most => 1.05, count => 2 * $size->{writes} });
    my %first = (user => 1, prebuild => 1, update => 1);
    my $warm_up = 20;    # transactions that plan anew
    # Updates are of workspaces that users have made in the turns before, so they are no more than two turns' inserts.
    # So many turns, as a twentieth is little beside what differs from turn to turn.
    for my $turn (0 .. 3 * $size->{turns})
    {
        # In the order on off off on: what grows with the tables cancels out.
        for my $triggers ($turn % 2 ? qw(on off) : qw(off on))
        {
            toggle($control, 'disable') if $triggers eq 'off';
            for my $kind (@kinds)
            {
                my ($what, $count) = @$kind{qw(what count)};
                cpu_time($session, $what, $first{$what}, $warm_up);
                my $time = cpu_time($session, $what, $first{$what} + $warm_up, $count);
                $first{$what} += $warm_up + $count if $what ne 'update';
                push @{ $kind->{$triggers} }, $time if $turn > 0;    # warm-up
            }
            toggle($control, 'enable') if $triggers eq 'off';
        }
    }
    for my $kind (@kinds)
    {
        observe(10, "$kind->{text}, without our triggers", $kind->{off}, unit => 'µs');
        observe_ratio(10, 'the same with them, to that', $kind->{on}, $kind->{off}, most => $kind->{most});
    }
    drop_database('triggers');
    return;
}

# Without the worker, whose sweep and this lock the same tables in different orders.
sub toggle
{
    my ($session, $how) = @_;
    $session->query("SELECT prebuilds_worker_stop('benchmark')");
    $session->query("CALL bench.${how}_triggers()");
    start_paused_worker($session);
    return;
}

1;
