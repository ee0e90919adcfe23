# Of lists of numbers.
package Statistics;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(sum0);

our @EXPORT = qw(mean median quantile spread ratios line_through);

# The value below which the fraction q of the numbers lies.
sub quantile
{
    my ($q, @values) = @_;
    return undef unless @values;
    my @sorted = sort { $a <=> $b } @values;
    my $at = $q * $#sorted;
    my $low = int $at;
    my $high = $low < $#sorted ? $low + 1 : $low;
    return $sorted[$low] + ($at - $low) * ($sorted[$high] - $sorted[$low]);
}

sub median { return quantile(0.5, @_); }

# 0 of none.
sub mean { return sum0(@_) / (@_ || 1); }

# Lowest and highest.
sub spread { my @sorted = sort { $a <=> $b } @_; return [ @sorted[ 0, -1 ] ]; }

# Of two lists that were measured in turns.
sub ratios
{
    my ($over, $under) = @_;
    return map { $over->[$_] / $under->[$_] } 0 .. $#$over;
}

# (y at x = 0, slope) of the line with the least squares through [x, y], ...
sub line_through
{
    my (@points) = @_;
    my ($x, $y) = map { my $i = $_; sum0(map { $_->[$i] } @points) / @points } 0, 1;
    my $slope = sum0(map { ($_->[0] - $x) * ($_->[1] - $y) } @points) / sum0(map { ($_->[0] - $x)**2 } @points);
    return ($y - $slope * $x, $slope);
}

1;
