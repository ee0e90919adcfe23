-- The provisioner queue: jobs, their logs, the daemons that take them.

-- Whoever may write the table may call them. In C, and one call each: PostgreSQL reads the expression of a generated
-- column anew for each statement that writes the table.
CREATE FUNCTION prebuilds.job_status(
    started_at timestamptz, canceled_at timestamptz, completed_at timestamptz, error text)
    RETURNS prebuilds.provisioner_job_status
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_job_status';
COMMENT ON FUNCTION prebuilds.job_status(timestamptz, timestamptz, timestamptz, text) IS
    'The status of a job: failed if it has an error that is not empty; of others, completed ones have been canceled or '
    'have succeeded, and the rest is canceling, running or pending';
CREATE FUNCTION prebuilds.queue_key(organization_id uuid, tags jsonb, provisioner text) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_queue_key';
COMMENT ON FUNCTION prebuilds.queue_key(uuid, jsonb, text) IS
    'A hash of what says which daemons can take a job, tags as they are';

CREATE TABLE prebuilds.provisioner_jobs (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    canceled_at     timestamptz,
    completed_at    timestamptz,
    error           text,
    error_code      text,
    organization_id uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    initiator_id    uuid        NOT NULL,
    provisioner     text        NOT NULL DEFAULT 'terraform',
    type            prebuilds.provisioner_job_type NOT NULL DEFAULT 'workspace_build',
    input           jsonb       NOT NULL DEFAULT '{}',
    tags            jsonb       NOT NULL DEFAULT '{"scope": "organization", "owner": ""}',
    worker_id       uuid,
    job_status      prebuilds.provisioner_job_status NOT NULL
                    GENERATED ALWAYS AS (prebuilds.job_status(started_at, canceled_at, completed_at, error)) STORED,
    queue_key       bigint      NOT NULL
                    GENERATED ALWAYS AS (prebuilds.queue_key(organization_id, tags, provisioner)) STORED
)
WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.02);
-- The queue, people's jobs first: its head is what a daemon takes. An int, because PostgreSQL folds a comparison of
-- a boolean expression into something that no longer matches the index.
CREATE INDEX provisioner_jobs_pending_idx ON prebuilds.provisioner_jobs
    (queue_key,
     (CASE WHEN initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid THEN 1 ELSE 0 END),
     created_at, id)
    WHERE started_at IS NULL AND completed_at IS NULL AND canceled_at IS NULL;
-- What daemons hold, oldest first, so that the reaper can begin where jobs still run.
CREATE INDEX provisioner_jobs_running_idx ON prebuilds.provisioner_jobs (started_at)
    WHERE started_at IS NOT NULL AND completed_at IS NULL;
-- Here and elsewhere: few keys with many rows each, whose updates cannot be HOT. Each adds an entry for the same key, and
-- a page on which PostgreSQL has merged them holds a thousand; it sorts and checks all of these before it would split the
-- page, which was a tenth of what an acquire and a complete execute.
CREATE INDEX provisioner_jobs_organization_id_idx ON prebuilds.provisioner_jobs (organization_id)
    WITH (deduplicate_items = off);
COMMENT ON TABLE prebuilds.provisioner_jobs IS 'Work for provisioners; at most one unfinished job per workspace';
COMMENT ON COLUMN prebuilds.provisioner_jobs.updated_at IS 'Last sign of life of the daemon that holds the job';
COMMENT ON COLUMN prebuilds.provisioner_jobs.initiator_id IS
    'Who asked for it; jobs of the prebuilds user wait behind those of people. No reference: users may go, jobs stay';
COMMENT ON COLUMN prebuilds.provisioner_jobs.worker_id IS
    'The daemon that took it. No reference: daemons may go, jobs stay';
COMMENT ON COLUMN prebuilds.provisioner_jobs.error IS 'Not NULL and not empty = failed';
COMMENT ON COLUMN prebuilds.provisioner_jobs.tags IS 'A daemon may take the job if its own tags contain these';
COMMENT ON COLUMN prebuilds.provisioner_jobs.queue_key IS
    'Hash of organization, tags and provisioner as they are: jobs with the same key can be taken by the same daemons';

CREATE TABLE prebuilds.provisioner_job_logs (
    id         bigserial   PRIMARY KEY,
    job_id     uuid        NOT NULL REFERENCES prebuilds.provisioner_jobs ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    line       text        NOT NULL DEFAULT ''
);
CREATE INDEX provisioner_job_logs_job_id_idx ON prebuilds.provisioner_job_logs (job_id, id);
COMMENT ON TABLE prebuilds.provisioner_job_logs IS 'What provisioners said, in order of id; at most 1 MiB per job is kept';

CREATE TABLE prebuilds.provisioner_daemons (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    name            text        NOT NULL,
    provisioners    text[]      NOT NULL DEFAULT '{terraform}',
    tags            jsonb       NOT NULL DEFAULT '{"scope": "organization", "owner": ""}',
    last_seen_at    timestamptz,
    version         text        NOT NULL DEFAULT '',
    organization_id uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    owner_role      name,
    UNIQUE (organization_id, name)
);
COMMENT ON TABLE prebuilds.provisioner_daemons IS 'Provisioners that registered';
COMMENT ON COLUMN prebuilds.provisioner_daemons.owner_role IS
    'The database role that registered it: only that role acts for it. A name, so that it survives dump and restore; '
    'NULL = nobody''s yet, the first role to register it';

CREATE TABLE prebuilds.job_queues (
    queue_key       bigint  NOT NULL,
    added_by        xid8    NOT NULL DEFAULT pg_current_xact_id(),
    organization_id uuid    NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    provisioner     text    NOT NULL,
    owner           text    NOT NULL,
    tags            jsonb   NOT NULL,
    -- Were the queue_key alone the key, a session that posts a job of a new queue would wait for the transactions of
    -- others that do the same.
    PRIMARY KEY (queue_key, added_by)
);
-- A daemon without tags of its own serves none but jobs without: it need not walk the tags of all others.
CREATE INDEX job_queues_organization_id_idx ON prebuilds.job_queues
    (organization_id, owner,
     (CASE WHEN tags = '{"scope": "organization", "owner": ""}'::jsonb THEN 1 ELSE 0 END));
COMMENT ON TABLE prebuilds.job_queues IS
    'Derived: the queues ever seen, so that a daemon finds its own without looking at jobs. A row per queue_key, or more '
    'until merge_job_queues(), where transactions added it that did not see each other: readers do not count rows';
COMMENT ON COLUMN prebuilds.job_queues.added_by IS 'The transaction that added the row';
COMMENT ON COLUMN prebuilds.job_queues.owner IS 'The owner tag, which a daemon''s own must equal';
COMMENT ON COLUMN prebuilds.job_queues.tags IS 'Normalised tags of its jobs; several keys may have the same, where jobs were written with others';

-- A row trigger looks the queue up and notes the job; the trigger at the end of the statement adds the queues that
-- were not there, hardly ever one, and announces the jobs, whoever wrote them, unless the worker does. ENABLE ALWAYS:
-- a replicated job needs its queue as well.
CREATE FUNCTION prebuilds.note_job() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_note_job';
CREATE FUNCTION prebuilds.post_jobs() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_post_jobs';
COMMENT ON FUNCTION prebuilds.note_job() IS 'Notes a job for post_jobs()';
COMMENT ON FUNCTION prebuilds.post_jobs() IS 'Adds the queues of the noted jobs to job_queues, and announces them';

CREATE TRIGGER b_note_new_job AFTER INSERT ON prebuilds.provisioner_jobs
    FOR EACH ROW EXECUTE FUNCTION prebuilds.note_job();
CREATE TRIGGER b_note_moved_job AFTER UPDATE OF queue_key, initiator_id, created_at, id ON prebuilds.provisioner_jobs
    FOR EACH ROW WHEN ((OLD.queue_key, OLD.initiator_id, OLD.created_at, OLD.id)
                       IS DISTINCT FROM (NEW.queue_key, NEW.initiator_id, NEW.created_at, NEW.id))
    EXECUTE FUNCTION prebuilds.note_job();
CREATE TRIGGER c_post_jobs AFTER INSERT OR UPDATE ON prebuilds.provisioner_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.post_jobs();
ALTER TABLE prebuilds.provisioner_jobs ENABLE ALWAYS TRIGGER b_note_new_job;
ALTER TABLE prebuilds.provisioner_jobs ENABLE ALWAYS TRIGGER b_note_moved_job;
ALTER TABLE prebuilds.provisioner_jobs ENABLE ALWAYS TRIGGER c_post_jobs;
