# A psql that stays connected.
#
#   $session->query($sql)         the rows of the answer as text, in list context as lines
#   $session->milliseconds($sql)  how long the client waited for a statement
package Session;

use strict;
use warnings;
use IO::Handle;
use IPC::Open2;

sub new
{
    my ($class, $database) = @_;
    my $pid = open2(my $out, my $in, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $database);
    return bless { in => $in, out => $out, pid => $pid }, $class;
}

sub DESTROY
{
    my ($self) = @_;
    return unless $self->{pid};
    close $self->{in};
    close $self->{out};
    local ($?, $!);
    waitpid $self->{pid}, 0;
}

# The two halves of query(), for what takes long.
sub send
{
    my ($self, $sql) = @_;
    print { $self->{in} } "$sql\n;\n\\echo -- end of answer\n";
    $self->{in}->flush;
    return $self;
}

sub answer
{
    my ($self) = @_;
    my @lines;
    while (defined(my $line = readline $self->{out}))
    {
        chomp $line;
        return wantarray ? @lines : join("\n", @lines) if $line eq '-- end of answer';
        push @lines, $line;
    }
    die "psql has ended\n";
}

sub query { my ($self, $sql) = @_; return $self->send($sql)->answer; }

sub milliseconds
{
    my ($self, $sql) = @_;
    my @lines = $self->query("\\timing on\n$sql;\n\\timing off");
    my ($time) = $lines[-1] =~ /^Time: ([0-9.]+) ms/ or die "no time in: @lines\n";
    return $time;
}

1;
