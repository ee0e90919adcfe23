# What the TAP tests share.
package PrebuildsTest;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run qw(run);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_node rows_of_tables wait_until comes_back);

# A running server with the library preloaded, and so with the launcher; further lines of configuration follow
# the name.
sub start_node
{
    my ($name, @lines) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    $node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'pg_prebuilds'", 'max_worker_processes = 32', @lines));
    $node->start;
    return $node;
}

# Polls for what no query can tell; whether it came in time.
sub wait_until
{
    my ($condition) = @_;
    for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
    {
        return 1 if $condition->();
        usleep(100_000);
    }
    return 0;
}

# Waits for a server that restarts after a crash. Not by poll_query_until(), which dies itself of a broken pipe when a
# connection breaks before the query was written to psql.
sub comes_back
{
    my ($node) = @_;
    my @psql = ($node->installed_command('psql'), '-X', '-d', $node->connstr('postgres'), '-c', 'SELECT');
    return wait_until(sub { run \@psql, '<', \undef, '>', \my $out, '2>', \my $error });
}

# "table|rows|hash of the rows" for each table that pg_dump has to keep, without the rows that the install script ships.
sub rows_of_tables
{
    my ($node, $database) = @_;
    my $statement = $node->safe_psql($database, <<'SQL');
SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %s AS t %s',
                         c.oid::regclass, c.oid::regclass, kept.condition), ' UNION ALL ' ORDER BY c.relname)
FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS kept (relation, condition)
JOIN pg_class AS c ON c.oid = kept.relation
WHERE e.extname = 'pg_prebuilds' AND c.relkind = 'r'
SQL
    return $node->safe_psql($database, $statement);
}

1;
