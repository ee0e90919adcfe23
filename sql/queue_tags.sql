-- Which daemon may take which job: organization, provisioner, and tags.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all
INSERT INTO prebuilds.organizations (name) VALUES ('other');

CREATE TABLE pg_temp.daemons AS
SELECT d.name, prebuilds_register_provisioner(d.organization, d.name, d.provisioners, d.tags) AS id
FROM (VALUES ('untagged', 'acme', '{terraform}'::text[], '{}'::jsonb), ('zone a', 'acme', '{terraform}', '{"zone": "a"}'),
             ('zone a, gpu', 'acme', '{terraform}', '{"zone": "a", "gpu": true}'), ('ann''s', 'acme', '{terraform}', '{"scope": "user", "owner": "ann"}'),
             ('echo', 'acme', '{echo}', '{}'), ('other''s', 'other', '{terraform}', '{}')) AS d (name, organization, provisioners, tags);
SELECT d.name, p.tags FROM pg_temp.daemons d JOIN prebuilds.provisioner_daemons p USING (id) ORDER BY d.name;

-- Each job is offered to each daemon.
CREATE FUNCTION pg_temp.takers(tags jsonb, provisioner text DEFAULT 'terraform') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    daemon record;
    takers text[] := '{}';
    offered uuid;
BEGIN
    FOR daemon IN SELECT d.name, d.id FROM pg_temp.daemons d ORDER BY d.name LOOP
        offered := pg_temp.job('offered', prebuilds.system_user_id(), '0', tags, provisioner);
        IF (SELECT count(*) FROM prebuilds_acquire_job(daemon.id)) = 1 THEN
            takers := takers || daemon.name;
        END IF;
        DELETE FROM prebuilds.provisioner_jobs WHERE id = offered;
    END LOOP;
    RETURN array_to_string(takers, '; ');
END $$;
-- without tags of its own: a daemon without, exactly; as it is written makes no difference
SELECT pg_temp.takers('{}');
SELECT pg_temp.takers('{"owner": "", "scope": "organization"}');
-- otherwise all tags of the job must be the daemon's
SELECT pg_temp.takers('{"zone": "a"}');
SELECT pg_temp.takers('{"zone": "b"}');
SELECT pg_temp.takers('{"zone": "a", "gpu": "true"}');
SELECT pg_temp.takers('{"zone": "a", "gpu": true}') AS values_are_text;
-- a NULL that somebody wrote among its provisioners is none
UPDATE prebuilds.provisioner_daemons SET provisioners = '{NULL,terraform}' WHERE name = 'untagged';
SELECT pg_temp.takers('{}') AS with_null;
SELECT pg_temp.takers('{"scope": "user", "owner": "ann"}');
SELECT pg_temp.takers('{"scope": "user", "owner": "bob"}');
SELECT pg_temp.takers('{}', 'echo');
SELECT pg_temp.takers('{}', 'cloud-init');

-- Queues that are lost, as after a load with triggers off, come back.
SELECT count(pg_temp.job('lost', :'ann', '0', jsonb_build_object('zone', z))) FROM unnest('{a,a,b}'::text[]) AS z;
DELETE FROM prebuilds.job_queues;
SELECT count(*) FROM prebuilds_acquire_job((SELECT id FROM pg_temp.daemons WHERE name = 'zone a'), 10);
SELECT prebuilds.rebuild_job_queues() AS missing;
SELECT prebuilds.rebuild_job_queues() AS missing;
SELECT count(*) FROM prebuilds_acquire_job((SELECT id FROM pg_temp.daemons WHERE name = 'zone a'), 10);

-- The first job of a queue, beside somebody's trigger that posts another one and is rolled back.
DELETE FROM prebuilds.job_queues;
CREATE FUNCTION pg_temp.post_in_vain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.job('in vain', NEW.initiator_id, '0', '{"zone": "b"}');
    RAISE 'rolled back';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END $$;
CREATE TRIGGER c_in_vain AFTER INSERT ON prebuilds.provisioner_jobs FOR EACH ROW WHEN (pg_trigger_depth() = 0)
EXECUTE FUNCTION pg_temp.post_in_vain();
SELECT count(pg_temp.job('first', :'ann', '0', '{"zone": "a"}'));
DROP TRIGGER c_in_vain ON prebuilds.provisioner_jobs;
SELECT tags ->> 'zone' AS zone FROM prebuilds.job_queues;
SELECT count(*) FROM prebuilds_acquire_job((SELECT id FROM pg_temp.daemons WHERE name = 'zone a'), 10);

-- A version of scope user: its jobs look for a daemon of the workspace's owner.
SELECT template_id AS template FROM prebuilds_push_template('acme', 'web', 'v1', '[]', tags => '{"scope": "user", "zone": "a"}') \gset
SELECT job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'w') \gset
SELECT tags = jsonb_build_object('scope', 'user', 'zone', 'a', 'owner', :'ann') AS of_owner FROM prebuilds.provisioner_jobs WHERE id = :'job';

DROP EXTENSION pg_prebuilds;
