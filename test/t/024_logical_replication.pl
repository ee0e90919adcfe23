# A subscriber of logical replication derives what the publisher derives, although an apply worker fires row triggers only.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Not preloaded: no worker's pass repairs anything.
sub start
{
    my ($name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(allows_streaming => 'logical');
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
    return $node;
}
my $publisher = start('publisher');
my $subscriber = start('subscriber');

my $id = 'CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, \'0\')::uuid; SET search_path = prebuilds;';
sub write_rows
{
    my ($sql) = @_;
    $publisher->safe_psql('postgres', "$id $sql");
    $publisher->wait_for_catchup('subscription') if $publisher->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots');
}

# What is derived, and whether it is as it should be.
sub derived
{
    my ($what) = @_;
    my $query = <<'SQL';
SELECT (SELECT string_agg(concat_ws(' ', build_number, transition, job_status, ready), ',') FROM prebuilds.live_prebuilds),
       (SELECT string_agg(concat_ws(' ', build_number, open), ',' ORDER BY build_number) FROM prebuilds.workspace_builds),
       (SELECT string_agg(DISTINCT tags ->> 'zone', ',') FROM prebuilds.job_queues)
SQL
    my $wanted = $publisher->safe_psql('postgres', $query);
    is($subscriber->safe_psql('postgres', $query), $wanted, "$what: $wanted");
}

write_rows(<<'SQL');
INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO templates (id, organization_id, name, active_version_id) VALUES (pg_temp.id(2), pg_temp.id(1), 'web', pg_temp.id(3));
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(2), pg_temp.id(1), 'v1');
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name) VALUES (pg_temp.id(4), system_user_id(), pg_temp.id(1), pg_temp.id(2), 'w');
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, tags) VALUES (pg_temp.id(11), pg_temp.id(1), system_user_id(), '{"zone": "a"}');
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(4), pg_temp.id(3), 1, 'start', system_user_id(), pg_temp.id(11));
SQL
$publisher->safe_psql('postgres', <<'SQL');
CREATE PUBLICATION everything FOR TABLE prebuilds.organizations, prebuilds.templates, prebuilds.template_versions,
    prebuilds.workspaces, prebuilds.workspace_builds, prebuilds.provisioner_jobs, prebuilds.workspace_resources, prebuilds.workspace_agents
SQL
my $connection = $publisher->connstr('postgres');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION subscription CONNECTION \$\$$connection\$\$ PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'subscription');
derived('the initial copy');

write_rows('UPDATE provisioner_jobs SET started_at = now()');
derived('a job that is acquired');
write_rows(<<'SQL');
INSERT INTO workspace_resources (id, job_id, transition, name) VALUES (pg_temp.id(21), pg_temp.id(11), 'start', 'main');
INSERT INTO workspace_agents (resource_id, name, lifecycle_state) VALUES (pg_temp.id(21), 'main', 'ready');
UPDATE provisioner_jobs SET completed_at = now();
SQL
derived('a job that is completed');
write_rows(<<'SQL');
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, tags) VALUES (pg_temp.id(12), pg_temp.id(1), system_user_id(), '{"zone": "b"}');
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(4), pg_temp.id(3), 2, 'stop', system_user_id(), pg_temp.id(12));
SQL
derived('a build of a new queue');
write_rows("UPDATE provisioner_jobs SET canceled_at = now(), completed_at = now() WHERE id = pg_temp.id(12)");
derived('a job that is canceled');
write_rows('UPDATE workspaces SET deleted = true');
derived('a workspace that is deleted');

done_testing();
