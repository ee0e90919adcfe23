# A pass has as many statements for two hundred presets as for ten.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use PrebuildsTest;

# The launcher takes the only worker slot, so that no other pass is counted.
my $node = start_node(
    'statements',
    "shared_preload_libraries = 'pg_prebuilds, pg_stat_statements'",
    'pg_stat_statements.track = all',
    'max_worker_processes = 1');

sub statements_of_a_pass
{
    my ($database) = @_;
    $node->safe_psql($database, 'SELECT pg_stat_statements_reset()');
    my $done = $node->safe_psql($database, 'SELECT created, deleted, canceled FROM prebuilds_reconcile_all()');
    # One for each row is a foreign key's own.
    my $calls = $node->safe_psql($database, <<'SQL');
SELECT sum(calls) FROM pg_stat_statements WHERE query !~ 'FOR KEY SHARE OF x$' AND query !~ 'pg_stat_statements_reset'
SQL
    return ($calls, $done);
}

sub activate
{
    my ($database, $version) = @_;
    $node->safe_psql($database, <<SQL);
UPDATE prebuilds.templates SET active_version_id = v.id
  FROM prebuilds.template_versions AS v WHERE v.template_id = templates.id AND v.name = '$version'
SQL
}

# Name of a pass => its statements; 3 prebuilds for each of the presets.
sub count_statements
{
    my ($presets) = @_;
    my $database = "presets_$presets";
    my (%calls, $done);
    my $prebuilds = 3 * $presets;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE EXTENSION pg_prebuilds; CREATE EXTENSION pg_stat_statements');
    $node->psql($database, "\\i $FindBin::Bin/../../bench/generate.sql", on_error_die => 1);
    $node->safe_psql($database, "CALL bench.generate(templates => $presets, versions => 2, desired => 3)");

    ($calls{'with nothing to do'}, $done) = statements_of_a_pass($database);
    is($done, '0|0|0', "$presets presets are in balance");

    activate($database, 'v1');
    ($calls{'that deletes and creates'}, $done) = statements_of_a_pass($database);
    is($done, "$prebuilds|$prebuilds|0", "$prebuilds deleted and created");

    activate($database, 'v2');
    ($calls{'that cancels and creates'}, $done) = statements_of_a_pass($database);
    is($done, "$prebuilds|$prebuilds|$prebuilds", "$prebuilds canceled and created");
    return %calls;
}

my %few = count_statements(10);
my %many = count_statements(200);
is($many{$_}, $few{$_}, "statements of a pass $_") for sort keys %few;

done_testing();
