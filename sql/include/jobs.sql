-- An organization with jobs and no more: :organization, :ann, and what fills the queue. Jobs need no workspace.
INSERT INTO prebuilds.organizations (name) VALUES ('acme') RETURNING id AS organization \gset
SELECT prebuilds_ensure_user('ann') AS ann \gset

-- Shows jobs by name: their error_code is not used while they are pending.
CREATE FUNCTION pg_temp.job(name text, initiator uuid, age interval DEFAULT '0', tags jsonb DEFAULT '{}',
                            provisioner text DEFAULT 'terraform') RETURNS uuid
LANGUAGE sql AS $$
    INSERT INTO prebuilds.provisioner_jobs (created_at, organization_id, initiator_id, tags, provisioner, error_code)
    SELECT now() - age, o.id, initiator, tags, provisioner, job.name FROM prebuilds.organizations o WHERE o.name = 'acme'
    RETURNING id
$$;
CREATE FUNCTION pg_temp.name_of(job uuid) RETURNS text
LANGUAGE sql AS 'SELECT error_code FROM prebuilds.provisioner_jobs WHERE id = job';

CREATE FUNCTION pg_temp.refused(statement text, VARIADIC args text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE format(statement, VARIADIC args);
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;
