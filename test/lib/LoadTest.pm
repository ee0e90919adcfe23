# Load for tests of races and crashes: clients of test/load that come back after every loss of their connection.
package LoadTest;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run qw(start);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_load_node install_load script start_clients stop_clients settles sound unexpected_errors);

my $here = abs_path(dirname(__FILE__));
my $home = "$here/../load";
my %running;  # kind of client => [ the loop's handle, the file that ends it ]

# A server for many clients, that comes back by itself when one of its processes was killed, with the library
# preloaded; further lines of configuration follow the name.
sub start_load_node
{
    my ($name, @lines) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    # Failures are part of the load: they must not keep a pool from filling.
    $node->append_conf('postgresql.conf', join("\n",
        "shared_preload_libraries = 'pg_prebuilds'", 'max_worker_processes = 16', 'max_connections = 120',
        'shared_buffers = 64MB', 'restart_after_crash = on', 'log_statement = none', "log_line_prefix = '%m [%p] %b %e '",
        'prebuilds.failure_hard_limit = 0', 'prebuilds.reconciliation_backoff_interval = 0', @lines));
    $node->start;
    return $node;
}

# The extension, what clients need, and a template with pools of so many prebuilds.
sub install_load
{
    my ($node, $pools, $desired) = @_;
    $node->safe_psql('postgres', "\\i $home/setup.sql\n\\i $here/../fixtures/invariants.sql");
    $node->safe_psql('postgres', "SELECT load.push($pools, $desired)");
    return;
}

# The pgbench script of a kind of client.
sub script { my ($kind) = @_; return "$home/$kind.sql" }

# So many clients that run a script of test/load over and over, each in a connection that lives for two seconds or
# until something breaks it. %variables are the script's.
sub start_clients
{
    my ($node, $kind, $count, %variables) = @_;
    my $stop = PostgreSQL::Test::Utils::tempdir() . '/stop';
    my $definitions = join ' ', map { "-D $_=$variables{$_}" } sort keys %variables;
    my $loop = <<"BASH";
for client in \$(seq $count); do
    while [ ! -e $stop ] && kill -0 $$ 2>/dev/null; do
        "\$PGBENCH" -n -T 2 -f @{[ script($kind) ]} -D client=\$client $definitions "\$CONNECTION" >/dev/null || sleep 0.05
    done &
done
wait
BASH
    local $ENV{PGBENCH} = $node->installed_command('pgbench');
    local $ENV{CONNECTION} = $node->connstr('postgres') . " application_name=$kind";
    $running{$kind} = [ start([ 'bash', '-c', $loop ], '<', \undef, '>>', \my $out, '2>>', $node->logfile . ".$kind"), $stop ];
    return;
}

# Ends the clients of these kinds that there are, all by default, at the end of what they are doing.
sub stop_clients
{
    my @kinds = grep { $running{$_} } @_ ? @_ : keys %running;
    PostgreSQL::Test::Utils::append_to_file($running{$_}[1], '') for @kinds;
    $running{$_}[0]->finish for @kinds;
    delete @running{@kinds};
    return;
}

END
{
    local $?;
    stop_clients();
}

# A test: with nobody but provisioners at work, the pools fill and nothing is left to do.
sub settles
{
    my ($node, $name) = @_;
    return ok($node->poll_query_until('postgres', 'SELECT settled FROM load.settled'), "$name: the pools are full again")
      || diag($node->safe_psql('postgres', q{
        TABLE load.pools;
        SELECT * FROM prebuilds_plan();
        SELECT * FROM prebuilds_status();
        SELECT * FROM prebuilds_worker_status();
        SELECT j.*, d.name FROM prebuilds.provisioner_jobs AS j LEFT JOIN prebuilds.provisioner_daemons AS d ON d.id = j.worker_id
         WHERE j.completed_at IS NULL}));
}

# A test: the invariants hold, clients were told the truth, and no pool was ever seen with more than it desires.
sub sound
{
    my ($node, $name) = @_;
    is($node->safe_psql('postgres', 'SELECT * FROM check_invariants(true)'), '', "$name: the invariants hold");
    is($node->safe_psql('postgres', 'TABLE load.broken_answers'), '', "$name: every answer was true");
    is($node->safe_psql('postgres', 'TABLE load.overfull'), '', "$name: no pool had ever more than it desires");
    is($node->safe_psql('postgres', <<'SQL'), '', "$name: counters are what happened");
WITH shown AS (
    SELECT regexp_replace(line, '\{.*', '') || coalesce(substring(line, ',type="\w+"'), '') AS metric,
           sum(substring(line, ' (\S+)$')::numeric) AS amount
      FROM string_to_table(prebuilds.metrics(NULL), E'\n') AS line WHERE line ~ '(_total|_count)\{' GROUP BY 1
), builds AS (
    SELECT b.build_number, b.transition, b.initiator_id = prebuilds.system_user_id() AS by_system, j.job_status,
           j.input ->> 'prebuilt_workspace_stage' AS stage
      FROM prebuilds.workspace_builds AS b JOIN prebuilds.provisioner_jobs AS j ON j.id = b.job_id
), happened (metric, amount) AS (
    SELECT 'coderd_prebuilt_workspaces_created_total', count(*) FROM builds WHERE build_number = 1 AND by_system
    UNION ALL
    SELECT 'coderd_prebuilt_workspaces_failed_total', count(*) FROM builds WHERE build_number = 1 AND by_system AND job_status = 'failed'
    UNION ALL
    SELECT 'coderd_workspace_creation_duration_seconds_count,type="prebuild"', count(*) FROM builds
     WHERE build_number = 1 AND by_system AND job_status = 'succeeded'
    UNION ALL
    SELECT 'coderd_prebuilt_workspaces_claimed_total', count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_succeeded'
    UNION ALL
    SELECT 'coderd_prebuilt_workspace_claim_wait_seconds_count', count(*) FROM builds WHERE stage = 'claim' AND job_status = 'succeeded'
)
SELECT h.metric, s.amount AS shown, h.amount AS happened
  FROM happened AS h LEFT JOIN shown AS s USING (metric) WHERE coalesce(s.amount, 0) <> h.amount
SQL
    return;
}

# Errors in the server's log that are not a matter of course where processes are killed and clients race: a list of
# "SQLSTATE message".
sub unexpected_errors
{
    my ($node, @expected) = @_;
    my %seen;
    for (split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile))
    {
        next unless /\] [a-z].*? (\w{5}) (?:ERROR|FATAL|PANIC):  (.*)/ || /(TRAP)(: .*)/;
        my ($state, $message) = ($1, $2);
        # 57P01 to 57P03: ended by an administrator, by a crash, refused while the server starts or ends.
        next if $state =~ /^57P0[123]$/ || grep { "$state $message" =~ $_ } @expected;
        $seen{"$state $message"}++;
    }
    return join "\n", sort keys %seen;
}

1;
