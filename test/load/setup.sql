-- What the clients of LoadTest.pm need in their database: pools, people, and a place to write down what they saw.
CREATE EXTENSION pg_prebuilds;
CREATE SCHEMA load;

-- What claims returned, as their clients were told: committed by a transaction of its own after the claim's.
CREATE TABLE load.answers (
    client       integer     NOT NULL,
    preset_id    uuid        NOT NULL,
    workspace_id uuid,  -- NULL: there was nothing to claim
    milliseconds double precision,
    answered_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How often somebody looked at the pools, and when one had more than it desires.
CREATE TABLE load.samples (overfull integer NOT NULL);
CREATE TABLE load.overfull (preset_id uuid, desired integer, valid bigint, starting bigint, at timestamptz);

CREATE SEQUENCE load.versions;

-- The next version of the only template: pools of that many presets, each with that many prebuilds.
CREATE FUNCTION load.push(presets integer, desired integer) RETURNS uuid
    LANGUAGE sql VOLATILE AS $$
    SELECT template_version_id
      FROM prebuilds_push_template('acme', 'web', 'v' || nextval('load.versions'), (
               SELECT jsonb_agg(jsonb_build_object('name', 'p' || n, 'prebuilds', jsonb_build_object('instances', desired)))
                 FROM generate_series(1, presets) AS n))
$$;

CREATE FUNCTION load.person(client integer) RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (SELECT u.id FROM prebuilds.users AS u WHERE u.username = 'person' || client);
SELECT count(prebuilds_ensure_user('person' || n)) FROM generate_series(0, 50) AS n;

-- Runs a call that may come too late: somebody else has changed the workspace or the job since the caller looked.
CREATE FUNCTION load.attempt(call text) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    EXECUTE call;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    NULL;
END
$$;

-- Pools with more prebuilds than they desire, from the tables that say what a prebuild is. An expired one does not
-- count: it is being replaced.
CREATE VIEW load.pools AS
SELECT p.id AS preset_id, p.desired_instances AS desired,
       count(*) FILTER (WHERE l.job_status = 'succeeded'
                          AND l.created_at >= coalesce(p.last_invalidated_at, '-infinity')) AS valid,
       count(*) FILTER (WHERE l.job_status IN ('pending', 'running', 'canceling')) AS starting,
       count(*) FILTER (WHERE l.job_status = 'succeeded' AND l.ready
                          AND l.created_at >= coalesce(p.last_invalidated_at, '-infinity')) AS eligible
  FROM prebuilds.template_version_presets AS p
  JOIN prebuilds.templates AS t ON t.active_version_id = p.template_version_id
  LEFT JOIN prebuilds.live_prebuild_definitions AS l ON l.preset_id = p.id AND l.transition = 'start'
 GROUP BY p.id;

-- Nothing is left to do: every pool is full, and nobody waits for anything.
CREATE VIEW load.settled AS
SELECT NOT EXISTS (SELECT FROM load.pools AS p WHERE p.eligible <> p.desired OR p.starting > 0)
   AND NOT EXISTS (SELECT FROM prebuilds.provisioner_jobs AS j WHERE j.job_status IN ('pending', 'running', 'canceling'))
   AND NOT EXISTS (SELECT FROM prebuilds_plan())
   AND NOT EXISTS (SELECT FROM prebuilds_status() AS s WHERE NOT s.active AND s.actual > 0) AS settled;

-- What clients were told and the database does not know, or what two of them were given.
CREATE VIEW load.broken_answers AS
SELECT 'given twice' AS problem, a.workspace_id
  FROM load.answers AS a WHERE a.workspace_id IS NOT NULL
 GROUP BY a.workspace_id HAVING count(*) > 1
UNION ALL
SELECT 'not the client''s', a.workspace_id
  FROM load.answers AS a
  LEFT JOIN prebuilds.workspaces AS w ON w.id = a.workspace_id
 WHERE a.workspace_id IS NOT NULL AND w.owner_id IS DISTINCT FROM load.person(a.client)
UNION ALL
SELECT 'never claimed', a.workspace_id
  FROM load.answers AS a
 WHERE a.workspace_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM prebuilds.workspace_builds AS b
                     JOIN prebuilds.provisioner_jobs AS j ON j.id = b.job_id
                    WHERE b.workspace_id = a.workspace_id AND b.template_version_preset_id = a.preset_id
                      AND j.input ->> 'prebuilt_workspace_stage' = 'claim');
