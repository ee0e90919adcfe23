-- The read model: one row per live prebuild with what the pass, the claim and the status need to know of it, so
-- that none of them reads a table that grows with history. Columns stand in the order of their use, as a sweep reads
-- the first few of every row, and without padding between them.

CREATE TABLE prebuilds.live_prebuilds (
    workspace_id        uuid        PRIMARY KEY REFERENCES prebuilds.workspaces ON DELETE CASCADE,
    preset_id           uuid,
    created_at          timestamptz NOT NULL,
    state               "char",
    ready               boolean     NOT NULL,
    system_initiated    boolean     NOT NULL,
    worker_assigned     boolean     NOT NULL,
    build_number        integer     NOT NULL,
    transition          prebuilds.workspace_transition NOT NULL,
    job_status          prebuilds.provisioner_job_status NOT NULL,
    build_created_at    timestamptz NOT NULL,
    build_id            uuid        NOT NULL,
    job_id              uuid        NOT NULL UNIQUE,
    template_version_id uuid        NOT NULL,
    build_preset_id     uuid,
    job_completed_at    timestamptz
)
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
      autovacuum_analyze_scale_factor = 0.05);
-- What a claim may take, oldest first. A column of a condition counts as indexed, and a new value in one costs an entry in
-- every index of the table: so only the last of what makes a prebuild claimable is one, not the status of its job.
CREATE INDEX live_prebuilds_claim_idx ON prebuilds.live_prebuilds (preset_id, created_at, workspace_id) WHERE ready;
-- A pool, from where it begins: beside an old snapshot the entries before that are dead and stay.
CREATE INDEX live_prebuilds_pool_idx ON prebuilds.live_prebuilds (preset_id, created_at, workspace_id);
CREATE INDEX live_prebuilds_build_preset_id_idx ON prebuilds.live_prebuilds (build_preset_id)
    WITH (deduplicate_items = off);

COMMENT ON TABLE prebuilds.live_prebuilds IS
    'Derived: one row per workspace of the prebuilds user that is not deleted and has a build. Whoever changes a '
    'prebuild locks its row here, because PostgreSQL re-checks only the locked row after a wait. It takes no '
    'other columns: a row is derived and compared as a whole';
COMMENT ON COLUMN prebuilds.live_prebuilds.preset_id IS
    'The pool it counts in: of a running prebuild, the preset of its newest start build that has one; of any other, the '
    'latest build''s own, else that one';
COMMENT ON COLUMN prebuilds.live_prebuilds.created_at IS 'Of the workspace';
COMMENT ON COLUMN prebuilds.live_prebuilds.state IS
    'Of the latest build, as all of the following. As what the prebuild counts if that is a start: r = running, '
    's = starting, p = starting and not yet picked up by a provisioner, f = failed; NULL = as none of these';
COMMENT ON COLUMN prebuilds.live_prebuilds.build_preset_id IS 'The latest build''s own preset';
COMMENT ON COLUMN prebuilds.live_prebuilds.system_initiated IS 'The latest build was asked for by the prebuilds user';
COMMENT ON COLUMN prebuilds.live_prebuilds.worker_assigned IS 'A provisioner has picked up the job';
COMMENT ON COLUMN prebuilds.live_prebuilds.ready IS
    'The latest build has an agent, and every agent of it that is neither deleted nor a sub-agent is ready';

-- The definition. Each LATERAL with LIMIT 1 is a fence: joined freely, the planner expects far too many rows and
-- hashes whole tables.
CREATE VIEW prebuilds.live_prebuild_definitions AS
SELECT w.id AS workspace_id,
       CASE WHEN b.transition = 'start' AND j.job_status = 'succeeded' THEN s.template_version_preset_id
            ELSE coalesce(b.template_version_preset_id, s.template_version_preset_id)
       END AS preset_id,
       w.created_at,
       CASE WHEN b.transition <> 'start' THEN NULL
            WHEN j.job_status = 'succeeded' THEN 'r'::"char"
            WHEN j.job_status = 'failed' THEN 'f'::"char"
            WHEN j.job_status = 'pending' AND b.build_number = 1 AND o.system_initiated AND NOT o.worker_assigned
            THEN 'p'::"char"
            WHEN j.job_status IN ('pending', 'running', 'canceling') THEN 's'::"char"
       END AS state,
       a.ready,
       o.system_initiated,
       o.worker_assigned,
       b.build_number,
       b.transition,
       j.job_status,
       b.created_at AS build_created_at,
       b.id AS build_id,
       b.job_id,
       b.template_version_id,
       b.template_version_preset_id AS build_preset_id,
       j.completed_at AS job_completed_at
  FROM prebuilds.workspaces AS w
 CROSS JOIN LATERAL (
       SELECT lb.*
         FROM prebuilds.workspace_builds AS lb
        WHERE lb.workspace_id = w.id
        ORDER BY lb.build_number DESC
        LIMIT 1) AS b
 CROSS JOIN LATERAL (
       SELECT lj.*
         FROM prebuilds.provisioner_jobs AS lj
        WHERE lj.id = b.job_id
        LIMIT 1) AS j
 CROSS JOIN LATERAL (
       SELECT b.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid AS system_initiated,
              j.worker_id IS NOT NULL AS worker_assigned) AS o
  LEFT JOIN LATERAL (
       SELECT sb.template_version_preset_id
         FROM prebuilds.workspace_builds AS sb
        WHERE sb.workspace_id = w.id
          AND sb.transition = 'start'
          AND sb.template_version_preset_id IS NOT NULL
        ORDER BY sb.build_number DESC
        LIMIT 1) AS s ON true
 CROSS JOIN LATERAL (
       SELECT coalesce(bool_and(ra.lifecycle_state = 'ready'), false) AS ready
         FROM prebuilds.workspace_resources AS r
        CROSS JOIN LATERAL (
              SELECT la.lifecycle_state
                FROM prebuilds.workspace_agents AS la
               WHERE la.resource_id = r.id
                 AND NOT la.deleted
                 AND la.parent_id IS NULL
              OFFSET 0) AS ra
        WHERE r.job_id = b.job_id) AS a
 WHERE w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid
   AND NOT w.deleted;
COMMENT ON VIEW prebuilds.live_prebuild_definitions IS
    'What prebuilds.live_prebuilds must be equal to, from its sources; cost follows the prebuilds';

CREATE FUNCTION prebuilds.rebuild_live_prebuilds() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET enable_seqscan = off
    AS 'MODULE_PATHNAME', 'prebuilds_read_model_rebuild';
COMMENT ON FUNCTION prebuilds.rebuild_live_prebuilds() IS
    'Derives anew every row of the read model that differs from its definition, as after a load with triggers off; '
    'returns how many did';

-- The triggers. Row triggers note the key of what changed, where it can matter; the statement trigger derives the
-- prebuilds concerned, all at once. ENABLE ALWAYS: a replicated row counts as well. Whether a column that UPDATE OF names
-- has changed the function finds out: PostgreSQL would read a condition anew for each statement, which costs as much as
-- writing a row.
CREATE FUNCTION prebuilds.read_model_note() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_read_model_note';
CREATE FUNCTION prebuilds.read_model_maintain() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'prebuilds_read_model_maintain';
CREATE FUNCTION prebuilds.read_model_rebuild() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET enable_seqscan = off
    AS 'MODULE_PATHNAME', 'prebuilds_read_model_rebuild';
COMMENT ON FUNCTION prebuilds.read_model_note() IS
    'Notes a changed row for read_model_maintain(): after an UPDATE OF columns, one in which they differ. Arguments: what '
    'kind of key, and the column that holds it';
COMMENT ON FUNCTION prebuilds.read_model_maintain() IS 'Derives the live prebuilds that noted changes concern';
COMMENT ON FUNCTION prebuilds.read_model_rebuild() IS 'Derives the whole read model after a TRUNCATE';

CREATE TRIGGER b_read_model_update AFTER UPDATE OF owner_id, deleted, created_at ON prebuilds.workspaces
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('workspace', 'id');
CREATE TRIGGER c_read_model_maintain AFTER UPDATE OF owner_id, deleted, created_at ON prebuilds.workspaces
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_maintain();

CREATE TRIGGER b_read_model_insert AFTER INSERT OR DELETE ON prebuilds.workspace_builds
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('workspace', 'workspace_id');
CREATE TRIGGER b_read_model_update
    AFTER UPDATE OF workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
                    template_version_preset_id, created_at, id
    ON prebuilds.workspace_builds
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('workspace', 'workspace_id');
CREATE TRIGGER c_read_model_maintain AFTER INSERT OR UPDATE OR DELETE ON prebuilds.workspace_builds
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_maintain();

-- A new job has no build yet, or one in the same statement: the build's trigger reads it. started_at and canceled_at: a
-- job may come into the queue again and keep its status, if it has an error.
CREATE TRIGGER b_read_model_update
    AFTER UPDATE OF job_status, completed_at, worker_id, started_at, canceled_at ON prebuilds.provisioner_jobs
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('job', 'id');
CREATE TRIGGER c_read_model_maintain AFTER UPDATE ON prebuilds.provisioner_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_maintain();

-- A resource alone makes nothing ready; taken away, its agents go with it.
CREATE TRIGGER b_read_model_delete AFTER DELETE ON prebuilds.workspace_resources
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('agents of job', 'job_id');
CREATE TRIGGER b_read_model_update AFTER UPDATE OF job_id ON prebuilds.workspace_resources
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('agents of job', 'job_id');
CREATE TRIGGER c_read_model_maintain AFTER UPDATE OR DELETE ON prebuilds.workspace_resources
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_maintain();

CREATE TRIGGER b_read_model_insert AFTER INSERT OR DELETE ON prebuilds.workspace_agents
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('agents of resource', 'resource_id');
CREATE TRIGGER b_read_model_update AFTER UPDATE OF resource_id, lifecycle_state, deleted, parent_id
    ON prebuilds.workspace_agents
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('agents of resource', 'resource_id');
CREATE TRIGGER c_read_model_maintain AFTER INSERT OR UPDATE OR DELETE ON prebuilds.workspace_agents
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_maintain();

-- Replicated rows, and those loaded as if they were, come in any order, without foreign keys.
CREATE TRIGGER b_read_model_replicated AFTER INSERT ON prebuilds.workspaces
    FOR EACH ROW WHEN (NEW.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid)
    EXECUTE FUNCTION prebuilds.read_model_note('workspace', 'id');
CREATE TRIGGER b_read_model_replicated AFTER INSERT ON prebuilds.provisioner_jobs
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('new job', 'id');
CREATE TRIGGER b_read_model_replicated AFTER INSERT ON prebuilds.workspace_resources
    FOR EACH ROW EXECUTE FUNCTION prebuilds.read_model_note('agents of job', 'job_id');

DO $$
DECLARE
    source text;
    name   text;
BEGIN
    FOREACH source IN ARRAY ARRAY['workspaces', 'workspace_builds', 'provisioner_jobs', 'workspace_resources',
                                  'workspace_agents']
    LOOP
        EXECUTE pg_catalog.format('CREATE TRIGGER c_read_model_rebuild AFTER TRUNCATE ON prebuilds.%I '
                                  'FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.read_model_rebuild()', source);
        FOR name IN SELECT t.tgname FROM pg_catalog.pg_trigger AS t
                     WHERE t.tgrelid = pg_catalog.format('prebuilds.%I', source)::pg_catalog.regclass
                       AND t.tgname OPERATOR(pg_catalog.~) '^[bc]_read_model'
        LOOP
            EXECUTE pg_catalog.format('ALTER TABLE prebuilds.%I ENABLE %s TRIGGER %I', source,
                                      CASE name WHEN 'b_read_model_replicated' THEN 'REPLICA' ELSE 'ALWAYS' END, name);
        END LOOP;
    END LOOP;
END
$$;

CREATE VIEW prebuilds.deriving_triggers AS
SELECT coalesce(string_agg(concat_ws(' ', t.oid, t.xmin, t.tgenabled), ',' ORDER BY t.oid), '') AS state,
       bool_or(t.tgenabled = 'D') AS off
  FROM pg_catalog.pg_trigger AS t
 WHERE t.tgrelid IN ('prebuilds.workspaces'::regclass, 'prebuilds.workspace_builds'::regclass,
                     'prebuilds.provisioner_jobs'::regclass, 'prebuilds.workspace_resources'::regclass,
                     'prebuilds.workspace_agents'::regclass)
   AND NOT t.tgisinternal;
COMMENT ON VIEW prebuilds.deriving_triggers IS
    'The triggers that keep derived data in step: whoever switched one off, and on again, has changed state, because '
    'that writes the catalog; then a pass derives everything anew';
