# A pass waits for no row: whatever row another transaction has locked, or is inserting, it goes on without it, and does
# what is left to the next one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PrebuildsTest;
use Test::More;

# Without a slot for a worker, whose own passes would interfere.
my $node = start_node('main', 'max_worker_processes = 1', 'max_logical_replication_workers = 0');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');

# One pool that lacks two, one that has one too many, one that is not active and has one pending and one running.
my $pools = <<'SQL';
CREATE FUNCTION pg_temp.id(text) RETURNS uuid LANGUAGE sql RETURN md5($1)::uuid;
SET search_path = prebuilds, public;
TRUNCATE organizations, provisioner_jobs CASCADE;
INSERT INTO organizations (id, name) VALUES (pg_temp.id('acme'), 'acme');
INSERT INTO templates (id, organization_id, name, active_version_id) VALUES (pg_temp.id('web'), pg_temp.id('acme'), 'web', pg_temp.id('v2'));
INSERT INTO template_versions (id, template_id, organization_id, name)
SELECT pg_temp.id(v), pg_temp.id('web'), pg_temp.id('acme'), v FROM unnest('{v1, v2}'::text[]) v;
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances)
VALUES (pg_temp.id('lacking'), pg_temp.id('v2'), 'lacking', 2), (pg_temp.id('surplus'), pg_temp.id('v2'), 'surplus', 1), (pg_temp.id('old'), pg_temp.id('v1'), 'old', 1);
CREATE TEMP TABLE fixtures (name text, preset text, version text, running boolean);
INSERT INTO fixtures VALUES ('s1', 'surplus', 'v2', true), ('s2', 'surplus', 'v2', true), ('pending', 'old', 'v1', false), ('running', 'old', 'v1', true);
INSERT INTO workspaces (id, created_at, owner_id, organization_id, template_id, name)
SELECT pg_temp.id(name), '2025-01-01', system_user_id(), pg_temp.id('acme'), pg_temp.id('web'), name FROM fixtures;
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at)
SELECT pg_temp.id('job of ' || name), pg_temp.id('acme'), system_user_id(), CASE WHEN running THEN now() END, CASE WHEN running THEN now() END FROM fixtures;
INSERT INTO workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT pg_temp.id('build of ' || name), pg_temp.id(name), pg_temp.id(version), 1, 'start', system_user_id(), pg_temp.id('job of ' || name), pg_temp.id(preset) FROM fixtures;
SQL

my $pass = "SET statement_timeout = '20s'; SELECT created, deleted, canceled, errors, lock_acquired FROM prebuilds_reconcile_all()";
my $id = "CREATE FUNCTION pg_temp.id(text) RETURNS uuid LANGUAGE sql RETURN md5(\$1)::uuid; SET search_path = prebuilds, public;";

# Another transaction's statement; what the pass does meanwhile.
my @others = (
    [ 'nothing', 'SELECT', '2|3|1|0|t' ],
    [ 'the organization', 'SELECT FROM organizations FOR UPDATE' ],
    [ 'the template', 'SELECT FROM templates FOR UPDATE' ],
    [ 'the versions', 'SELECT FROM template_versions FOR UPDATE' ],
    [ 'the presets', 'SELECT FROM template_version_presets FOR UPDATE' ],
    [ 'the prebuilds user', 'SELECT FROM users FOR UPDATE' ],
    [ 'all workspaces', 'SELECT FROM workspaces FOR UPDATE' ],
    [ 'the surplus workspace', "SELECT FROM workspaces WHERE name = 's1' FOR UPDATE", '2|2|1|0|t' ],
    [ 'the read model', 'SELECT FROM live_prebuilds FOR UPDATE' ],
    [ 'all builds', 'SELECT FROM workspace_builds FOR UPDATE' ],
    [ 'all jobs', 'SELECT FROM provisioner_jobs FOR UPDATE' ],
    [ 'a build of a workspace', "INSERT INTO provisioner_jobs (id, organization_id, initiator_id) VALUES (pg_temp.id('j'), pg_temp.id('acme'), pg_temp.id('ann'));
        INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
        VALUES (pg_temp.id('running'), pg_temp.id('v1'), 2, 'stop', pg_temp.id('ann'), pg_temp.id('j'))" ],
    [ 'an agent of a workspace', "INSERT INTO workspace_resources (id, job_id, transition, name) VALUES (pg_temp.id('r'), pg_temp.id('job of running'), 'start', 'm');
        INSERT INTO workspace_agents (resource_id, name, lifecycle_state) VALUES (pg_temp.id('r'), 'a', 'ready')" ],
    [ 'the end of the pending job', "UPDATE provisioner_jobs SET started_at = now(), worker_id = pg_temp.id('d') WHERE id = pg_temp.id('job of pending')" ],
    [ 'the membership', 'SELECT FROM prebuilds_reconcile_membership()' ],
    [ 'a member', "INSERT INTO organization_members (organization_id, user_id) VALUES (pg_temp.id('acme'), system_user_id())" ],
    [ 'a group', "INSERT INTO groups (name, organization_id) VALUES ('coderprebuiltworkspaces', pg_temp.id('acme'))" ],
    [ 'a queue', "INSERT INTO provisioner_jobs (organization_id, initiator_id) VALUES (pg_temp.id('acme'), pg_temp.id('ann'))" ],
    [ 'the deletion of a preset', "DELETE FROM template_version_presets WHERE name = 'old'" ],
    [ 'a pause', "SELECT prebuilds_pause()", '2|3|1|0|t' ],
    [ 'a wrong status', "UPDATE template_version_presets SET prebuild_status = 'hard_limited'" ],
    [ 'all daemons', "INSERT INTO provisioner_daemons (organization_id, name) VALUES (pg_temp.id('acme'), 'd')", '2|3|1|0|t' ]);

# The first pass compares what triggers derive, once.
$node->safe_psql('postgres', $pass);

for my $other (@others)
{
    my ($what, $statement, $expected) = @$other;
    $node->safe_psql('postgres', $pools);
    my $holder = $node->background_psql('postgres', on_error_stop => 1);
    $holder->query_safe("$id BEGIN; $statement;");
    my ($status, $stdout, $stderr) = $node->psql('postgres', $pass);
    if ($expected)
    {
        is("$stdout$stderr", $expected, "holding $what: the pass does all that it can");
    }
    else
    {
        like("$stdout$stderr", qr/^\d\|\d\|\d\|0\|t$/, "holding $what: the pass does not wait");
    }
    $holder->query_safe('ROLLBACK');
    $holder->quit;
    $node->safe_psql('postgres', $pass) for 1 .. 2;
    is( $node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE count > 0), (SELECT count(*) FROM prebuilds.organization_members) FROM prebuilds_plan()"),
        '0|1', "holding $what: the next pass does the rest");
}

done_testing();
