# The boundary between C++ exceptions and PostgreSQL errors: nothing of an error is lost, no destructor is skipped,
# no error leaves memory behind, and the backend survives all of it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION fail(how text) RETURNS void LANGUAGE c STRICT AS 'prebuilds_boundary_test', 'boundary_fail';
CREATE FUNCTION fail_in_subtransaction(how text) RETURNS text LANGUAGE c STRICT
    AS 'prebuilds_boundary_test', 'boundary_subtransaction';
CREATE FUNCTION fail_in_callback(how text) RETURNS void LANGUAGE c STRICT
    AS 'prebuilds_boundary_test', 'boundary_callback';
CREATE FUNCTION live() RETURNS int LANGUAGE c AS 'prebuilds_boundary_test', 'boundary_live';

-- What a caller sees of an error.
CREATE FUNCTION caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                            hint = PG_EXCEPTION_HINT;
    RETURN concat_ws('|', state, message, detail, hint);
END
$$;

-- Resident memory, and what of it is in memory contexts.
CREATE FUNCTION pages() RETURNS bigint LANGUAGE sql
RETURN split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint;
CREATE FUNCTION context_bytes() RETURNS bigint LANGUAGE sql
RETURN (SELECT sum(used_bytes) FROM pg_backend_memory_contexts);
SQL

# ---- what arrives ----
my %seen_as = (
    'postgres' => '22012|a postgres error|Its detail.|Its hint.',
    'deep' => '22012|a postgres error|Its detail.|Its hint.',
    'nested postgres' => '22012|a postgres error|Its detail.|Its hint.',
    'ours' => '42704|an error of ours|Its detail.|Its hint.',
    'nested ours' => '42704|an error of ours|Its detail.|Its hint.',
    'core' => '55000|an error of the core|Its detail.|Its hint.',
    'bare' => '42704|unknown error||',
    'memory' => '53200|out of memory||',
    'runtime' => 'XX000|a C++ exception||',
    'foreign' => 'XX000|unknown C++ exception||',
    'nested foreign' => 'XX000|unknown C++ exception||',
    'cancel' => '57014|a cancel||',
    'not at all' => 'no error',);
for my $how (sort keys %seen_as)
{
    is($node->safe_psql('postgres', "SELECT caught(\$\$SELECT fail('$how')\$\$)"), $seen_as{$how}, "$how: all of it arrives");
}

# ---- at top level, the session goes on ----
my @calls;
for my $how (sort keys %seen_as)
{
    push @calls, "fail('$how')";
    push @calls, "fail_in_subtransaction('$how')" unless $how =~ /^nested/;
}
my (undef, $states) = $node->psql(
    'postgres',
    join("\n", '\o /dev/null', map { "SELECT $_;\n\\o\nSELECT pg_backend_pid(), live();\n\\o /dev/null" } @calls),
    on_error_stop => 0);
my %states = map { $_ => 1 } split /\n/, $states;
like(join(' ', keys %states), qr/^\d+\|0$/, 'after every error: the same backend, no object left, no transaction left open');
is(scalar(split /\n/, $states), scalar @calls, 'after every error: the next statement works');

# ---- in a subtransaction ----
for my $how (qw(postgres ours core deep))
{
    (my $text = $seen_as{$how}) =~ s/\|/ /g;
    is($node->safe_psql('postgres', "SELECT fail_in_subtransaction('$how')"), $text, "$how: a value after a subtransaction");
}
is($node->safe_psql('postgres', "SELECT fail_in_subtransaction('not at all')"), 'no error', 'no error in a subtransaction');
for my $how (qw(memory foreign cancel))
{
    is($node->safe_psql('postgres', "SELECT caught(\$\$SELECT fail_in_subtransaction('$how')\$\$)"),
        $seen_as{$how}, "$how: not swallowed by a subtransaction");
}

# ---- where no error is allowed ----
my $offset = -s $node->logfile;
for my $how (qw(postgres ours foreign))
{
    is($node->safe_psql('postgres', "SELECT fail_in_callback('$how'), live()"), '|0', "$how: a callback fails softly");
}
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset);
like($log, qr/$_/, "logged: $_") for 'a postgres error', 'LOG:.*an error of ours', 'LOG:.*unknown C\+\+ exception';

# ---- 50,000 errors ----
my $many = <<'SQL';
DO $do$
DECLARE
    hows constant text[] := '{%s}';
    pages bigint;
    bytes bigint;
BEGIN
    FOR i IN 1 .. 55000 LOOP
        BEGIN
            PERFORM %s(hows[1 + i %% cardinality(hows)]);
        EXCEPTION WHEN OTHERS OR query_canceled THEN
        END;
        IF i = 5000 THEN
            pages := pages();
            bytes := context_bytes();
        END IF;
    END LOOP;
    RAISE NOTICE 'grew by %% pages, %% bytes, %% objects', pages() - pages, context_bytes() - bytes, live();
END
$do$;
SQL
for my $function (qw(fail fail_in_subtransaction))
{
    my @hows = grep { $function eq 'fail' || !/^nested/ } sort keys %seen_as;
    my (undef, undef, $stderr) = $node->psql('postgres', sprintf($many, join(',', @hows), $function), on_error_stop => 1);
    my ($pages, $bytes, $objects) = $stderr =~ /grew by (-?\d+) pages, (-?\d+) bytes, (\d+) objects/;
    cmp_ok($pages // 1e9, '<', 256, "$function: 50,000 errors do not grow the backend");
    cmp_ok($bytes // 1e9, '<', 100_000, "$function: nor its memory contexts");
    is($objects, 0, "$function: every destructor has run");
}

is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/terminated by signal|cache reference leak|non-empty SPI|PANIC/,
    'no backend crashed, nothing leaked');
$node->stop;
done_testing();
