# Many clients at once: every claim gets a prebuild of its own, every job goes to one daemon, and whatever people,
# provisioners and passes do at the same time, what must never be is not.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use Test::More;

# Failed builds must not hold the pool back: the test waits for it.
my $node = start_node('main', 'max_connections = 100', 'prebuilds.failure_hard_limit = 0', 'prebuilds.reconciliation_backoff_interval = 0');
my $db = 'busy';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, <<'SQL');
CREATE EXTENSION pg_prebuilds;
SELECT prebuilds_pause();
CREATE TABLE given AS
SELECT p.template_id AS template, p.template_version_id AS version, (p.preset_ids ->> 'small')::uuid AS preset, prebuilds_ensure_user('ann') AS ann
FROM prebuilds_push_template('acme', 'web', 'v1', '[{"name": "small", "prebuilds": {"instances": 50}}]') AS p;
CREATE TABLE daemons AS
SELECT n, prebuilds_register_provisioner('acme', 'daemon-' || n) AS id FROM generate_series(0, 49) AS n;

-- What a provisioner does with a job: nearly always it succeeds, and its agent is ready.
CREATE FUNCTION work(daemon uuid, max_jobs int DEFAULT 1) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    job record;
    done int := 0;
BEGIN
    FOR job IN SELECT a.job_id, a.transition FROM prebuilds_acquire_job(daemon, max_jobs) AS a LOOP
        BEGIN
            IF random() < 0.05 THEN
                PERFORM prebuilds_fail_job(job.job_id, daemon, 'bad luck');
            ELSIF job.transition = 'start' THEN
                PERFORM prebuilds_report_agent(a.id, 'ready')
                FROM unnest(prebuilds_complete_job(job.job_id, daemon, 'state',
                    '[{"type": "vm", "name": "main", "agents": [{"name": "one"}, {"name": "two"}]}]')) AS a (id);
            ELSE
                PERFORM prebuilds_complete_job(job.job_id, daemon);
            END IF;
            done := done + 1;
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            NULL;    -- reaped meanwhile
        END;
    END LOOP;
    RETURN done;
END $$;

-- What must never be, by the number of rows that are so.
CREATE VIEW violations AS
SELECT 'two builds at work' AS what, count(*) AS rows
FROM (SELECT b.workspace_id FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
      WHERE j.job_status NOT IN ('succeeded', 'failed', 'canceled') GROUP BY 1 HAVING count(*) > 1) AS two
UNION ALL
SELECT 'open is not what the job says', count(*)
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
WHERE b.open <> (j.job_status NOT IN ('succeeded', 'failed', 'canceled'))
UNION ALL
SELECT 'claimed twice', count(*)
FROM (SELECT b.workspace_id FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
      WHERE j.input ->> 'prebuilt_workspace_stage' = 'claim' GROUP BY 1 HAVING count(*) > 1) AS twice
UNION ALL
SELECT 'claimed and then deleted by a pass', count(*)
FROM prebuilds.workspace_builds b JOIN prebuilds.workspaces w ON w.id = b.workspace_id
WHERE w.owner_id <> prebuilds.system_user_id() AND b.initiator_id = prebuilds.system_user_id()
  -- A delete that a person canceled, and started the prebuild again, may well come before the claim.
  AND EXISTS (SELECT FROM prebuilds.workspace_builds c JOIN prebuilds.provisioner_jobs cj ON cj.id = c.job_id
              WHERE c.workspace_id = b.workspace_id AND c.build_number < b.build_number
                AND cj.input ->> 'prebuilt_workspace_stage' = 'claim')
UNION ALL
SELECT 'claimed on its way out', count(*)
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
JOIN prebuilds.workspace_builds before ON before.workspace_id = b.workspace_id AND before.build_number = b.build_number - 1
WHERE j.input ->> 'prebuilt_workspace_stage' = 'claim' AND before.transition <> 'start'
UNION ALL
SELECT 'a claim that is not recorded, or a record without one',
       abs((SELECT count(*) FROM prebuilds.prebuild_events e WHERE e.event_type = 'claim_succeeded')
           - (SELECT count(*) FROM prebuilds.provisioner_jobs j WHERE j.input ->> 'prebuilt_workspace_stage' = 'claim'))
UNION ALL
SELECT 'half a workspace', count(*)
FROM prebuilds.workspaces w WHERE NOT EXISTS (SELECT FROM prebuilds.workspace_builds b WHERE b.workspace_id = w.id)
UNION ALL
SELECT 'deleted without a delete', count(*)
FROM prebuilds.workspaces w
WHERE w.deleted AND NOT EXISTS (SELECT FROM prebuilds.workspace_builds b WHERE b.workspace_id = w.id AND b.transition = 'delete' AND NOT b.open)
UNION ALL
SELECT 'the read model differs', count(*)
FROM prebuilds.live_prebuilds l FULL JOIN prebuilds.live_prebuild_definitions d USING (workspace_id)
WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*);
SQL

# Runs scripts (each a weight and its text) by so many clients; returns what went wrong.
sub clients
{
    my ($clients, $length, @scripts) = @_;
    my @files;
    while (my ($weight, $text) = splice(@scripts, 0, 2))
    {
        my $file = $PostgreSQL::Test::Utils::tmp_check . '/client' . @files . '.sql';
        PostgreSQL::Test::Utils::append_to_file($file, '');
        open my $out, '>', $file or die $!;
        print $out $text;
        close $out;
        push @files, '-f', "$file\@$weight";
    }
    my ($stdout, $stderr) = ('', '');
    IPC::Run::run([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', $clients, '-j', 2, @$length, @files, $db ],
        '>', \$stdout, '2>', \$stderr);
    return $stderr =~ s/^pgbench \(.*\n//mr;
}

my $violations = q{SELECT string_agg(what || ': ' || rows, ', ') FROM violations WHERE rows > 0};

# ---- fifty prebuilds, fifty claims ----
$node->safe_psql($db, 'SELECT prebuilds_resume(); SELECT created FROM prebuilds_reconcile_all(); SELECT prebuilds_pause();');
$node->poll_query_until($db, q{SELECT count(work(id, 50)) >= 0 AND (SELECT eligible FROM given, LATERAL (SELECT count(*) AS eligible
    FROM prebuilds.live_prebuilds WHERE ready AND job_status = 'succeeded') AS e) >= 35 FROM daemons WHERE n < 2}) or die 'the pool did not fill';
my $eligible = $node->safe_psql($db, q{SELECT count(*) FROM prebuilds.live_prebuilds WHERE ready AND job_status = 'succeeded' AND transition = 'start'});
is(clients($eligible, [ '-t', 1 ], 1, q{SELECT prebuilds_claim(g.preset, g.ann, 'claimed-' || :client_id) FROM given g;}), '', "$eligible clients claim at once");
is($node->safe_psql($db, q{SELECT count(*) || ', ' || count(DISTINCT w.id) FROM given g JOIN prebuilds.workspaces w ON w.owner_id = g.ann}),
    "$eligible, $eligible", 'each got one of its own');
is($node->safe_psql($db, q{SELECT count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_missed'}), '0', 'and none missed');
is($node->safe_psql($db, $violations), '', 'nothing that must not be');

# ---- fifty daemons, a thousand jobs ----
$node->safe_psql($db, <<'SQL');
SELECT work(id, 1000) FROM daemons WHERE n = 0;
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, tags)
SELECT t.organization_id, CASE WHEN n % 2 = 0 THEN g.ann ELSE prebuilds.system_user_id() END, CASE WHEN n % 3 = 0 THEN '{}' ELSE '{"owner": ""}' END::jsonb
FROM given g JOIN prebuilds.templates t ON t.id = g.template, generate_series(1, 1000) AS n;
CREATE TABLE taken (job uuid, n int);
SQL
is( clients(50, [ '-t', 25 ], 1, q{INSERT INTO taken SELECT a.job_id, :client_id FROM daemons d, prebuilds_acquire_job(d.id) AS a WHERE d.n = :client_id;}),
    '', 'fifty daemons acquire');
$node->safe_psql($db, q{INSERT INTO taken SELECT a.job_id, d.n FROM daemons d, prebuilds_acquire_job(d.id, 1000) AS a WHERE d.n = 0});
is($node->safe_psql($db, 'SELECT count(*), count(DISTINCT job), count(DISTINCT n) > 40 FROM taken'), '1000|1000|t', 'every job exactly once');
is( $node->safe_psql($db, q{SELECT count(*) FROM taken t JOIN daemons d USING (n) JOIN prebuilds.provisioner_jobs j ON j.id = t.job
        WHERE j.worker_id = d.id AND j.job_status = 'running'}), '1000', 'and each is held by the daemon that was told');
$node->safe_psql($db, 'DELETE FROM prebuilds.provisioner_jobs j USING taken t WHERE t.job = j.id');

# ---- everybody at once ----
$node->safe_psql($db, <<'SQL');
SELECT prebuilds_resume();
SELECT prebuilds_set_desired(preset, 20) FROM given;
-- A person does something to any workspace, as far as its state allows.
CREATE FUNCTION meddle(transition text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM prebuilds_build_workspace(w.id, transition, g.ann)
    FROM given g, LATERAL (SELECT id FROM prebuilds.workspaces WHERE NOT deleted ORDER BY random() LIMIT 1) AS w;
EXCEPTION WHEN object_not_in_prerequisite_state OR unique_violation THEN
    NULL;
END $$;
CREATE FUNCTION cancel_any() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM prebuilds_cancel_job(j.id)
    FROM (SELECT id FROM prebuilds.provisioner_jobs WHERE job_status IN ('pending', 'running') ORDER BY random() LIMIT 1) AS j;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    NULL;
END $$;
SQL
is( clients(16, [ '-T', 15 ],
        6, q{SELECT work(id) FROM daemons WHERE n = :client_id;},
        3, q{SELECT prebuilds_claim(g.preset, g.ann, gen_random_uuid()::text) FROM given g;},
        1, q{SELECT meddle((ARRAY['start', 'stop', 'delete'])[1 + floor(random() * 3)::int]);},
        1, q{SELECT cancel_any();},
        1, q{SELECT lock_acquired FROM prebuilds_reconcile_all();},
        1, q{SELECT prebuilds_set_desired(g.preset, (random() * 30)::int) FROM given g;},
        1, q{SELECT count(*) FROM prebuilds_reap_jobs(now() + random() * interval '10 minutes');}),
    '', 'people, provisioners, passes and the reaper at once: no error');
is($node->safe_psql($db, $violations), '', 'nothing that must not be');
cmp_ok($node->safe_psql($db, q{SELECT count(*) FROM prebuilds.prebuild_events WHERE event_type = 'claim_succeeded'}), '>', $eligible + 20, 'and claims went on');

# ---- once they are gone, the pool is as it should be ----
$node->safe_psql($db, q{SELECT prebuilds_set_desired(preset, 10) FROM given; SELECT prebuilds_reset_preset(preset) FROM given});
ok( $node->poll_query_until($db, q{SELECT count(work(id, 10)) >= 0 AND (SELECT lock_acquired OR NOT lock_acquired FROM prebuilds_reconcile_all())
        AND (SELECT actual = 10 AND eligible = 10 AND starting = 0 FROM prebuilds_status()) FROM daemons}), 'the pool converges');
is($node->safe_psql($db, $violations), '', 'nothing that must not be');

$node->stop;
done_testing();
