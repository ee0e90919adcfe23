# The server that is measured: its databases, and pgbench. Where it is tells the environment, as for psql.
package Server;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Session;
use Statistics;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  query session pgbench start_pgbench finish_pgbench stop_pgbench new_database copy_database drop_database load settle
  set_server reset_server start_paused_worker times_on_server time_of_script warm_up wait_until);

my $bench = dirname(__FILE__) . '/..';
my $work = tempdir(CLEANUP => 1);

# One statement in a session of its own; its rows as psql -A writes them.
sub query
{
    my ($database, $sql) = @_;
    return session($database)->query($sql);
}

# A session that stays open, see Session.pm.
sub session { return Session->new(@_); }

# Asks until the answer is true.
sub wait_until
{
    my ($ask) = @_;
    my $deadline = time + 60;
    until ($ask->())
    {
        die "waited in vain for a minute\n" if time > $deadline;
        sleep 0.001;
    }
    return;
}

my %changed;    # settings of the server

# Sets them, for all sessions, workers included; undef sets one back.
sub set_server
{
    my (%settings) = @_;
    @changed{ keys %settings } = ();
    my $session = session('postgres');
    for my $name (sort keys %settings)
    {
        my $value = $settings{$name};
        $session->query(defined $value ? "ALTER SYSTEM SET $name = '$value'" : "ALTER SYSTEM RESET $name");
    }
    $session->query('SELECT pg_reload_conf()');
    # The postmaster passes the signal on; a session that starts afterwards may still be before it.
    $session->query('SELECT pg_sleep(0.2)');
    return;
}

# All of them, back.
sub reset_server { return set_server(map { $_ => undef } keys %changed); }

# A database with the extension and the generator, and the statements run in it. No worker: what runs in the
# background is up to the measure.
sub new_database
{
    my ($name, @statements) = @_;
    query('postgres', "CREATE DATABASE $name");
    my $session = session($name);
    $session->query("CREATE EXTENSION pg_prebuilds; SELECT prebuilds_worker_stop('benchmark')");
    $session->query("SET client_min_messages = warning;\n\\i $bench/generate.sql\n\\i $bench/helpers.sql");
    load($session, @statements);
    return $session;
}

# Runs statements that load data, and prepares the database for measuring.
sub load
{
    my ($session, @statements) = @_;
    $session->query($_) for @statements;
    settle($session);
    return;
}

# The first pass after a load with triggers off derives everything anew: that is not what is measured.
sub settle
{
    my ($session) = @_;
    $session->query('SELECT prebuilds_pause()');
    $session->query('SELECT FROM prebuilds_reconcile_all()');
    $session->query('SELECT prebuilds_resume()');
    $session->query('VACUUM ANALYZE');
    $session->query('CHECKPOINT');
    return;
}

# A worker that announces jobs, as it does in production, and makes none: that is another measure. It has made its first
# pass, which may have much to repair, and kept house, and rests.
sub start_paused_worker
{
    my ($session) = @_;
    $session->query('SELECT prebuilds_pause()');
    my $since = $session->query('SELECT clock_timestamp()');
    $session->query('SELECT prebuilds_worker_start()');
    wait_until(sub {
        $session->query(<<"SQL") eq 't' });
SELECT s.last_pass > '$since' AND a.wait_event_type = 'Extension'
  FROM prebuilds_worker_status() AS s JOIN pg_stat_activity AS a USING (pid)
SQL
    return;
}

sub copy_database
{
    my ($name, $template) = @_;
    query('postgres', "CREATE DATABASE $name TEMPLATE $template");
    my $session = session($name);
    $session->query("SELECT prebuilds_worker_stop('benchmark')");
    $session->query('SELECT prebuilds_resume()');
    return $session;
}

sub drop_database
{
    my ($name) = @_;
    query('postgres', "DROP DATABASE $name WITH (FORCE)");
    return;
}

# What a procedure of bench/helpers.sql timed on the server, in milliseconds.
sub times_on_server
{
    my ($session, $procedure, @arguments) = @_;
    $session->query('TRUNCATE bench.times');
    $session->query("CALL bench.$procedure(" . join(', ', @arguments) . ')');
    return $session->query('SELECT milliseconds FROM bench.times');
}

# pgbench($database, $script, %options) runs bench/scripts/$script.sql and returns what it measured: latencies in
# milliseconds, as the client saw them, [time of the end, latency] of all transactions, transactions per second, and with a
# rate how late the latest one began, in milliseconds.
# Options: clients (1), transactions for each client or seconds, rate (transactions per second; else as fast as it goes),
# settings of the sessions, define (variables of the script), protocol (prepared), host (a watch, see Host.pm, that looks
# every second).
sub pgbench { return finish_pgbench(start_pgbench(@_)); }

# The transactions of a new session that do not count: they plan their statements.
use constant warm_up => 5;

# The median time of so many transactions of a script after those, as one client sees them, in milliseconds. Options as
# for pgbench().
sub time_of_script
{
    my ($database, $script, $transactions, %options) = @_;
    my $run = pgbench($database, $script, transactions => warm_up + $transactions, %options);
    my @times = @{ $run->{latencies} };
    return median(@times[ warm_up .. $#times ]);
}

my $runs = 0;

sub start_pgbench
{
    my ($database, $script, %options) = @_;
    my $clients = $options{clients} // 1;
    my $prefix = "$work/pgbench." . ++$runs;
    my @command = ('pgbench', '-n', '-l', "--log-prefix=$prefix", '-M', $options{protocol} // 'prepared', '-c', $clients,
        '-j', $clients < 2 ? 1 : 2, '-f', "$bench/scripts/$script.sql");
    push @command, '-t', $options{transactions} if $options{transactions};
    push @command, '-T', $options{seconds} if $options{seconds};
    push @command, '-R', $options{rate} if $options{rate};
    push @command, '-D', "$_=$options{define}{$_}" for sort keys %{ $options{define} // {} };

    my %settings = %{ $options{settings} // {} };
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0)
    {
        $ENV{PGOPTIONS} = join ' ', map { "-c $_=$settings{$_}" } sort keys %settings;
        open STDOUT, '>', "$prefix.out" or die "$prefix.out: $!\n";
        open STDERR, '>&', \*STDOUT or die "stderr: $!\n";
        exec @command, $database or die "pgbench: $!\n";
    }
    return { pid => $pid, prefix => $prefix, rated => defined $options{rate}, host => $options{host} };
}

# Ends a run whose results nobody needs.
sub stop_pgbench
{
    my ($run) = @_;
    kill 'TERM', $run->{pid};
    waitpid $run->{pid}, 0;
    unlink glob "$run->{prefix}.[0-9]*";
    return;
}

sub finish_pgbench
{
    my ($run) = @_;
    if (defined $run->{host})
    {
        until (waitpid $run->{pid}, WNOHANG)
        {
            sleep 1;
            $run->{host}->look;
        }
    }
    else
    {
        waitpid $run->{pid}, 0;
    }
    my $output = slurp("$run->{prefix}.out");
    die "pgbench failed:\n$output" if $? != 0 || $output =~ /aborted/;
    my (%of_client, @ends);
    my $late = 0;
    for my $file (glob "$run->{prefix}.[0-9]*")
    {
        for (split /\n/, slurp($file))
        {
            my @fields = split / /;
            my $end = $fields[4] + $fields[5] / 1e6;
            # With a rate the time counts from when the transaction was due.
            my $latency = ($fields[2] - ($run->{rated} ? $fields[6] : 0)) / 1000;
            $late = $fields[6] / 1000 if $run->{rated} && $fields[6] / 1000 > $late;
            push @{ $of_client{ $fields[0] } }, { begin => $end - $latency / 1000, latency => $latency };
            push @ends, $end;
        }
        unlink $file;
    }
    my @transactions = map { timed_transactions($run->{rated}, @$_) } values %of_client;
    die "pgbench logged no transaction:\n$output" unless @transactions;
    my ($rate) = $output =~ /^tps = ([0-9.]+)/m or die "pgbench said nothing:\n$output";
    return {
        latencies => [ map { $_->[1] } @transactions ], transactions => \@transactions, late => $late,
        tps => $rate, steady_tps => steady_rate(@ends) };
}

# [time of the end, latency] of a client's transactions. Where the answer was there before pgbench looked, it logs no
# time, and the beginning as the end: then it took until the next one began, unless there is a rate, or there is no next
# one.
sub timed_transactions
{
    my ($rated, @transactions) = @_;
    for my $n (0 .. $#transactions - 1)
    {
        my ($this, $next) = @transactions[ $n, $n + 1 ];
        $this->{latency} ||= 1000 * ($next->{begin} - $this->{begin}) unless $rated;
    }
    return map { [ $_->{begin} + $_->{latency} / 1000, $_->{latency} ] } grep { $_->{latency} > 0 } @transactions;
}

# Transactions per second without the first tenth of them, in which sessions plan their statements, and without the last,
# in which some clients have ended.
sub steady_rate
{
    my @ends = sort { $a <=> $b } @_;
    my ($first, $last) = (int(0.1 * @ends), int(0.9 * @ends));
    return ($last - $first) / ($ends[$last] - $ends[$first] || 1e-6);
}

sub slurp
{
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar readline $in;
}

1;
