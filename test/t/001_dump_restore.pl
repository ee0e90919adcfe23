# pg_dump keeps every row; a restored database and a copy are held until somebody resumes them.
use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use Test::More;

my $node = start_node('main');
my $dump = "$PostgreSQL::Test::Utils::tmp_check/production";
# Not prebuilds_resume(): that would release what is held as well.
my $unpause = q{UPDATE prebuilds.site_configs SET value = '{"reconciliation_paused": false}' WHERE key = 'prebuilds_settings'};
my $sample = dirname(__FILE__) . '/../lib/sample_rows.sql';

$node->safe_psql('postgres', 'CREATE DATABASE production');
$node->safe_psql('production', 'CREATE EXTENSION pg_prebuilds');
# No worker while rows are counted: it would add some.
$node->safe_psql('production', "SELECT prebuilds_worker_stop('rows are counted'), prebuilds_pause('rows are counted')");
$node->safe_psql('production', "\\i $sample");

my $rows = rows_of_tables($node, 'production');
my $builds = 3;
unlike($rows, qr/\|0\|/, 'every table that pg_dump keeps has a row');

sub held
{
    my ($database, $how) = @_;
    # The worker may have the lock for a moment, to find the same.
    ok($node->poll_query_until($database, 'SELECT paused FROM prebuilds_reconcile_all()'), "$how: a pass does nothing");
    is($node->safe_psql($database, 'SELECT count(*) FROM prebuilds.workspace_builds'), $builds, "$how: no build was added");
    is($node->safe_psql($database, q{SELECT count(*) FROM prebuilds_acquire_job(prebuilds_register_provisioner('acme', 'p2'), 10)}),
        '0', "$how: no job is handed out");
    is($node->safe_psql($database, 'SELECT count(*) FROM prebuilds_reap_jobs()'), '0', "$how: no job is reaped");
    like($node->safe_psql($database, 'SELECT problem FROM prebuilds_status()'), qr/held/, "$how: the status says why");
    return;
}

sub resumes
{
    my ($database, $how) = @_;
    is($node->safe_psql($database, 'SELECT changed FROM prebuilds_resume()'), 't', "$how: resume changes something");
    $node->poll_query_until($database, 'SELECT lock_acquired AND NOT paused FROM prebuilds_reconcile_all()');
    is( $node->safe_psql($database, q{SELECT count(*) FROM prebuilds.live_prebuilds WHERE preset_id = '00000000-0000-4000-8000-000000000012'}),
        '2',
        "$how: the pool fills");
    is( $node->safe_psql($database, '(TABLE prebuilds.live_prebuilds EXCEPT TABLE prebuilds.live_prebuild_definitions) UNION ALL (TABLE prebuilds.live_prebuild_definitions EXCEPT TABLE prebuilds.live_prebuilds)'),
        '',
        "$how: the read model is right");
    return;
}

# ---- the ways to dump and restore ----
my %ways = (
    plain => [
        [ 'pg_dump', '-f', "$dump.sql", 'production' ],
        sub { [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $_[0] ] },
    ],
    custom => [
        [ 'pg_dump', '-Fc', '-f', "$dump.custom", 'production' ],
        sub { [ 'pg_restore', '--exit-on-error', '-d', $_[0], "$dump.custom" ] },
    ],
    # pg_restore -j knows no order among the tables of an extension, whose references exist from the start.
    directory => [
        [ 'pg_dump', '-Fd', '-j', '2', '-f', "$dump.directory", 'production' ],
        sub { [ 'pg_restore', '--exit-on-error', '-d', $_[0], "$dump.directory" ] },
    ],
);
for my $way (sort keys %ways)
{
    my ($save, $load) = @{ $ways{$way} };
    $node->command_ok($save, "$way: pg_dump");
    $node->safe_psql('postgres', "CREATE DATABASE restored_$way");
    $node->command_ok($load->("restored_$way"), "$way: restore");
    is(rows_of_tables($node, "restored_$way"), $rows, "$way: every row is there");
    is( $node->safe_psql("restored_$way", q{INSERT INTO prebuilds.provisioner_job_logs (job_id, line)
        VALUES ('00000000-0000-4000-8000-000000000031', 'after') RETURNING id > 1}),
        't',
        "$way: the sequence goes on");
    $node->safe_psql("restored_$way", $unpause);
    held("restored_$way", $way);
}
resumes('restored_plain', 'plain');

# ---- data only, into an installation that was made for it, which is not held ----
for my $triggers ('with triggers', 'without triggers')
{
    my $database = $triggers =~ s/ /_/r;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE EXTENSION pg_prebuilds');
    $node->safe_psql($database, "SELECT prebuilds_worker_stop('rows are counted')");
    $node->command_ok(
        [
            'pg_restore', '--exit-on-error', '--data-only', ($triggers eq 'without triggers' ? '--disable-triggers' : ()),
            '-d', $database, "$dump.custom"
        ],
        "data only, $triggers: restore");
    is(rows_of_tables($node, $database), $rows, "data only, $triggers: every row is there");
    resumes($database, "data only, $triggers");
}

# ---- a copy, with the worker of the original running ----
$node->safe_psql('production', $unpause);
$node->safe_psql('production', 'SELECT prebuilds_worker_start()');
$node->safe_psql('postgres', 'CREATE DATABASE staging TEMPLATE production');
$builds = $node->safe_psql('staging', 'SELECT count(*) FROM prebuilds.workspace_builds');
held('staging', 'copy');
resumes('staging', 'copy');

# ---- the original is not held, under any name ----
$node->safe_psql('postgres', 'ALTER DATABASE production RENAME TO renamed');
$node->poll_query_until('renamed', 'SELECT lock_acquired AND NOT paused FROM prebuilds_reconcile_all()');
is($node->safe_psql('renamed', 'SELECT count(*) FROM prebuilds.live_prebuilds'), '2', 'the original goes on');

done_testing();
