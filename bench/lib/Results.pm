# What was measured: printed as a table, kept as JSON.
package Results;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use JSON::PP;
use Statistics;

our @EXPORT = qw(observe observe_ratio observe_in_bare_transactions results rows progress write_results print_results);

my @results;
my %oriented;    # by result: [limit, target]

# What targets for orientation come from makes so many bare transactions (line 6) a second, or more.
my $bare_of_orientation = 3750;

# observe($line, $measure, \@values, unit => 'ms', most => 1, least => 4, value => …) notes the median of values, their
# spread, and whether it is as it should be. line is the line of the specification of performance; a measure without
# target is there to compare with. orientation => 1: how fast the machine is decides, so it is also shown in bare
# transactions.
sub observe
{
    my ($line, $measure, $values, %options) = @_;
    my $value = $options{value} // median(@$values);
    my %result = (line => $line, measure => $measure, unit => $options{unit}, value => $value + 0,
        spread => spread(@$values), observations => scalar @$values);
    if (defined $options{most} || defined $options{least})
    {
        $result{target} = defined $options{most} ? "≤ $options{most}" : "≥ $options{least}";
        $result{met} = (defined $options{most} ? $value <= $options{most} : $value >= $options{least})
          ? JSON::PP::true : JSON::PP::false;
    }
    push @results, \%result;
    my ($limit) = grep { defined $options{$_} } qw(most least);
    $oriented{ \%result } = [ $limit, $options{$limit} ] if $options{orientation};
    return;
}

# After each measure whose target is for orientation the same in bare transactions of this machine, $rate a second: how
# many it makes in that time, or what part of their rate a rate is.
sub observe_in_bare_transactions
{
    my ($rate) = @_;
    my %seconds = (ms => 1 / 1000, 'µs' => 1 / 1_000_000);
    for my $result (splice @results)
    {
        push @results, $result;
        my ($limit, $target) = @{ $oriented{$result} // next };
        my $seconds = $seconds{ $result->{unit} };
        my ($value, $bound) = defined $seconds
          ? ($result->{value} * $seconds * $rate, $target * $seconds * $bare_of_orientation)
          : ($result->{value} / $rate, $target / $bare_of_orientation);
        observe($result->{line}, 'the same, in bare transactions', [$value], unit => '', $limit => sprintf '%.3g', $bound);
    }
    return;
}

# Of two lists that were measured in turns.
sub observe_ratio
{
    my ($line, $measure, $over, $under, %options) = @_;
    return observe($line, $measure, [ ratios($over, $under) ], unit => '×', %options);
}

sub results { return @results; }

sub progress { my ($text) = @_; printf STDERR "%s\n", $text; return; }

sub number
{
    my ($value) = @_;
    return sprintf '%.0f', $value if abs $value >= 1000;
    return sprintf '%.3g', $value;
}

# The cells of a table, with its heading: the median, and the lowest and highest of what it was taken of.
sub rows
{
    my (@shown) = @_;
    my @rows = ([ '#', 'measure', 'value', 'lowest to highest', 'target', 'met' ]);
    for my $result (@shown)
    {
        my $met = !defined $result->{target} ? '' : $result->{met} ? 'yes' : 'NO';
        my $value = number($result->{value}) . ($result->{unit} eq '' ? '' : " $result->{unit}");
        my $spread = $result->{observations} > 1 ? join ' to ', map { number($_) } @{ $result->{spread} } : '';
        push @rows, [ $result->{line}, $result->{measure}, $value, $spread, $result->{target} // '', $met ];
    }
    return @rows;
}

sub print_results
{
    my @rows = rows(@_);
    my @width;
    for my $row (@rows)
    {
        for my $column (0 .. $#$row)
        {
            my $length = length $row->[$column];
            $width[$column] = $length if $length > ($width[$column] // 0);
        }
    }
    for my $row (@rows)
    {
        my $text = join '  ', map { sprintf "%-$width[$_]s", $row->[$_] } 0 .. $#$row;
        $text =~ s/ +$//;
        print "$text\n";
    }
    return;
}

sub write_results
{
    my ($file, %about) = @_;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out JSON::PP->new->utf8->canonical->pretty->encode({ %about, results => \@results });
    close $out or die "$file: $!\n";
    return;
}

1;
