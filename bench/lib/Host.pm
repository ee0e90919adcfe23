# What the host of a virtual machine takes of its processors. Seconds in which it does not are comparable.
package Host;

use strict;
use warnings;
use Time::HiRes qw(time);

# Of the processors' time. Who is disturbed less than that hardly notices.
my $tolerated = 0.02;

# A watch, from now on. Another function than the one that asks the kernel may tell it how things are.
sub new
{
    my ($class, $now) = @_;
    $now //= \&_now;
    my %seconds = (disturbed => 0, undisturbed => 0);
    return bless { now => $now, last => $now->(), disturbed => [], seconds => \%seconds }, $class;
}

# To be called about once a second: tells of the time since the last call.
sub look
{
    my ($self) = @_;
    my ($last, $now) = ($self->{last}, $self->{now}->());
    my $total = $now->{total} - $last->{total};
    my $kind = $total > 0 && ($now->{stolen} - $last->{stolen}) / $total > $tolerated ? 'disturbed' : 'undisturbed';
    $self->{seconds}{$kind} += $now->{at} - $last->{at};
    push @{ $self->{disturbed} }, [ $last->{at}, $now->{at} ] if $kind eq 'disturbed';
    $self->{last} = $now;
    return;
}

# Seconds that were 'disturbed' or 'undisturbed'.
sub seconds { my ($self, $kind) = @_; return $self->{seconds}{$kind}; }

# Those of [time of the end, milliseconds] that no disturbed second touches; by the clock on the wall.
sub undisturbed
{
    my ($self, @events) = @_;
    return grep {
        my ($end, $begin) = ($_->[0], $_->[0] - $_->[1] / 1000);
        !grep { $_->[0] <= $end && $_->[1] >= $begin } @{ $self->{disturbed} }
    } @events;
}

# user, nice, system, idle, iowait, irq, softirq, steal; what guests use is part of user.
sub _now
{
    open my $in, '<', '/proc/stat' or die "/proc/stat: $!\n";
    my (undef, @ticks) = split ' ', scalar readline $in;
    my $total = 0;
    $total += $_ // 0 for @ticks[ 0 .. 7 ];
    return { at => time, total => $total, stolen => $ticks[7] // 0 };
}

1;
