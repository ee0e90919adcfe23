# CREATE and DROP EXTENSION: where it goes, what it refuses, what it leaves behind.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PrebuildsTest;
use Test::More;

my $node = start_node('main');

sub database
{
    my ($name) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    return $name;
}

# What a database has of ours.
my $left_over = <<'SQL';
SELECT count(*) FROM (
    SELECT oid FROM pg_namespace WHERE nspname = 'prebuilds'
    UNION ALL SELECT oid FROM pg_proc WHERE proname LIKE 'prebuilds%'
    UNION ALL SELECT oid FROM pg_type WHERE typname LIKE '%prebuild%'
    UNION ALL SELECT oid FROM pg_extension WHERE extname = 'pg_prebuilds') AS ours
SQL

# ---- create, drop, create again ----
my $db = database('cycle');
for my $round (1 .. 2)
{
    $node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
    is($node->safe_psql($db, 'SELECT lock_acquired OR NOT lock_acquired FROM prebuilds_reconcile_all()'), 't', "round $round: it works");
    $node->safe_psql($db, 'DROP EXTENSION pg_prebuilds');
    is($node->safe_psql($db, $left_over), '0', "round $round: nothing is left");
}

# ---- in one session, committed and aborted ----
is( $node->safe_psql(
        $db, <<'SQL'),
BEGIN;
CREATE EXTENSION pg_prebuilds;
SELECT count(*) FROM prebuilds_status();
ROLLBACK;
CREATE EXTENSION pg_prebuilds;
BEGIN;
DROP EXTENSION pg_prebuilds;
ROLLBACK;
SELECT count(*) FROM prebuilds_status();
SELECT errors FROM prebuilds_reconcile_all();
DROP EXTENSION pg_prebuilds;
CREATE EXTENSION pg_prebuilds;
SELECT errors FROM prebuilds_reconcile_all();
SELECT count(*) FROM prebuilds_plan();
SQL
    "0\n0\n0\n0\n0",
    'an aborted create leaves nothing, an aborted drop everything, a new one is used at once');

# ---- a schema that somebody made first ----
$db = database('squatted');
$node->safe_psql($db, 'CREATE SCHEMA prebuilds');
my ($status, undef, $stderr) = $node->psql($db, 'CREATE EXTENSION pg_prebuilds', on_error_stop => 1);
isnt($status, 0, 'a schema prebuilds that is there already is an error');
like($stderr, qr/schema "prebuilds" already exists/, 'and the error says so');
is($node->safe_psql($db, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_prebuilds'"), '0', 'nothing was installed');

# ---- another schema for the API ----
$db = database('elsewhere');
$node->safe_psql($db, 'CREATE SCHEMA "Our API"');
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds SCHEMA "Our API"');
is( $node->safe_psql($db, q{SELECT string_agg(DISTINCT pronamespace::regnamespace::text, ',') FROM pg_proc WHERE proname ~ '^prebuilds_.*(status|claim|plan|push_template)$' AND pronamespace <> 'prebuilds'::regnamespace}),
    '"Our API"',
    'the functions are in the schema that was named');
is( $node->safe_psql($db, q{
        SELECT template_id IS NOT NULL FROM "Our API".prebuilds_push_template('acme', 'docker', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]');
        SELECT lock_acquired OR NOT lock_acquired FROM "Our API".prebuilds_reconcile_all();
        SELECT count(*) FROM "Our API".prebuilds_status()}),
    "t\nt\n1",
    'they find each other there');
isnt($node->psql($db, 'ALTER EXTENSION pg_prebuilds SET SCHEMA public'), 0, 'it does not move');

# ---- who may install ----
$db = database('owned');
$node->safe_psql($db, 'CREATE ROLE owner LOGIN; ALTER DATABASE owned OWNER TO owner');
($status, undef, $stderr) = $node->psql($db, 'SET ROLE owner; CREATE EXTENSION pg_prebuilds', on_error_stop => 1);
like($stderr, qr/permission denied to create extension/, 'a database owner does not install it: it runs code in the server');

# ---- privileges that were handed out go with it ----
$db = database('granted');
$node->safe_psql($db, q{CREATE ROLE app; CREATE EXTENSION pg_prebuilds; SELECT prebuilds_grant('app', 'operator'); DROP EXTENSION pg_prebuilds});
is($node->safe_psql($db, $left_over), '0', 'drop with privileges handed out');

# ---- with the worker running ----
$db = database('dropped');
$node->safe_psql($db, 'CREATE EXTENSION pg_prebuilds');
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'dropped' AND backend_type LIKE 'pg_prebuilds%'");
$node->safe_psql('postgres', 'DROP DATABASE dropped');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'dropped'"), '0', 'DROP DATABASE does not wait for the worker');

$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/TRAP|PANIC|terminated by signal/, 'nothing crashed');

# ---- a server that does not preload the library ----
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
is( $plain->safe_psql('postgres', q{
        SELECT template_id IS NOT NULL FROM prebuilds_push_template('acme', 'docker', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]');
        SELECT created FROM prebuilds_reconcile_all()}),
    "t\n1",
    'the functions work without preload');
is($plain->safe_psql('postgres', 'SELECT preloaded FROM prebuilds_worker_status()'), 'f', 'the status says that nothing was preloaded');
$plain->stop;

done_testing();
