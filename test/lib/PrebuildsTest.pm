# What the TAP tests share.
package PrebuildsTest;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(start_node rows_of_tables);

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
