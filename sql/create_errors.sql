-- A preset whose create fails is left out, recorded, and backed off; it never stops the others.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();

-- Template broken cannot be built from; the others can.
CALL fixture.template('broken');
CALL fixture.version('b1', 'broken');
CALL fixture.preset('broken', 3, 'b1');
CALL fixture.preset('p1', 2); CALL fixture.preset('p2', 2); CALL fixture.preset('p3', 2); CALL fixture.preset('p4', 2); CALL fixture.preset('p5', 2);
SELECT count(fixture.ready('r' || n, 'p5')) FROM generate_series(1, 3) n;
CREATE FUNCTION fixture.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'quota of template % exceeded', NEW.template_id USING ERRCODE = 'FX001', DETAIL = 'It is 0.', HINT = 'Raise it.';
END
$$;
SELECT format('CREATE TRIGGER refuse BEFORE INSERT ON workspaces FOR EACH ROW WHEN (NEW.template_id = %L AND NEW.name ~ ''^prebuild-'') EXECUTE FUNCTION fixture.refuse()', fixture.id('broken')) \gexec

SELECT preset, action, count FROM fixture.plan();
SELECT presets_total, presets_reconciled, created, deleted, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT p.name, fixture.new_prebuilds(p.name) FROM template_version_presets p ORDER BY p.name;
SELECT f.created_at, p.name, f.action, f.sqlstate, f.message ~ '^quota of template' AS message FROM preset_failures f JOIN template_version_presets p ON p.id = f.preset_id;
SELECT created, deleted, errors, jsonb_array_length(creates) AS creating,
       (SELECT jsonb_agg(jsonb_build_object('preset', p.name, 'sqlstate', f ->> 'sqlstate', 'message', left(f ->> 'message', 17)))
          FROM jsonb_array_elements(failures) f JOIN template_version_presets p ON p.id::text = f ->> 'preset_id') AS failures
  FROM reconcile_passes;

-- It counts for backoff like a failed build: the second error doubles the wait.
SELECT num_failed, backoff_until, prebuild_status, regexp_replace(problem, '[-0-9a-f]{36}', '...') AS problem FROM prebuilds_status(fixture.noon()) WHERE preset_name = 'broken';
SELECT preset, action, count, reason, retry_at FROM fixture.plan(fixture.noon() + interval '15 s');
SELECT * FROM fixture.passes(4);
SELECT presets_reconciled, created, errors FROM prebuilds_reconcile_all(fixture.noon() + interval '1 min');
SELECT presets_reconciled, created, errors FROM prebuilds_reconcile_all(fixture.noon() + interval '1 min 1 us');
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 min 1 us') WHERE preset_name = 'broken';
-- A failed build and an error together: the later of the two, and a step for each.
SELECT count(fixture.prebuild('start', 'failed', 'broken', version => 'b1', age => '5 min'));
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 min 1 us') WHERE preset_name = 'broken';
DELETE FROM workspaces WHERE template_id = fixture.id('broken');
-- Errors out of the lookback do not count, nor do those before a reset.
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 hour') WHERE preset_name = 'broken';
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 hour 1 us') WHERE preset_name = 'broken';
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 hour 1 min 2 us') WHERE preset_name = 'broken';
UPDATE template_version_presets SET failures_reset_at = fixture.noon() WHERE name = 'broken';
SELECT num_failed, backoff_until FROM prebuilds_status(fixture.noon() + interval '1 min 1 us') WHERE preset_name = 'broken';
UPDATE template_version_presets SET failures_reset_at = fixture.noon() + interval '1 min 1 us' WHERE name = 'broken';
SELECT num_failed, backoff_until, problem IS NULL AS well FROM prebuilds_status(fixture.noon() + interval '1 min 1 us') WHERE preset_name = 'broken';

-- Errors of every step, at every place of the list: the others get theirs all the same.
DELETE FROM preset_failures;
DROP TRIGGER refuse ON workspaces;
CREATE TABLE fixture.bad (preset text);
CREATE FUNCTION fixture.refuse_build() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fixture.bad WHERE fixture.id(preset) = NEW.template_version_preset_id) THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = 'FX002';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON workspace_builds FOR EACH ROW
    WHEN (NEW.created_at > '2025-06-02 12:00:00+00') EXECUTE FUNCTION fixture.refuse_build();
CREATE FUNCTION fixture.with_bad(bad text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    stats record;
    result text;
BEGIN
    DELETE FROM workspaces WHERE name !~ '^antagonist';
    PERFORM fixture.ready('surplus ' || preset || n, preset) FROM unnest('{p1, p2}'::text[]) preset, generate_series(1, 3) n;
    DELETE FROM fixture.bad;
    INSERT INTO fixture.bad SELECT unnest(bad);
    SELECT * INTO stats FROM prebuilds_reconcile_all(fixture.noon() + interval '2 hours');
    SELECT format('created %s, deleted %s, errors %s, failed {%s}', stats.created, stats.deleted, stats.errors,
                  string_agg(p.name || ' ' || f.sqlstate, ',' ORDER BY p.name)) INTO result
      FROM (SELECT) AS nothing LEFT JOIN (preset_failures f JOIN template_version_presets p ON p.id = f.preset_id) ON true;
    DELETE FROM preset_failures;
    RETURN result;
END
$$;
SELECT bad, fixture.with_bad(bad::text[])
  FROM unnest('{"{}", "{broken}", "{p1}", "{p1, p2}", "{p3}", "{p3, p5}", "{broken, p4}", "{p1, p2, p3, p4, p5, broken}"}'::text[]) bad;

-- An error of a delete comes back in every pass, but holds no create back once it is mended.
DELETE FROM workspaces WHERE name !~ '^antagonist';
DELETE FROM fixture.bad;
SELECT prebuilds_set_desired(id, 0) FROM template_version_presets WHERE name <> 'p1';
SELECT count(fixture.ready('r' || n, 'p1', age => n * interval '1 hour')) FROM generate_series(1, 2) n;
UPDATE template_version_presets SET invalidate_after_secs = 9000 WHERE name = 'p1';
INSERT INTO fixture.bad VALUES ('p1');
SELECT * FROM fixture.passes(3, fixture.noon() + interval '1 hour');
SELECT action, sqlstate, count(*) FROM preset_failures GROUP BY 1, 2;
SELECT preset_name, num_failed, problem FROM prebuilds_status(fixture.noon() + interval '1 hour 1 min') WHERE preset_name = 'p1';
DELETE FROM fixture.bad;
SELECT * FROM fixture.passes(2, fixture.noon() + interval '1 hour 1 min');
DELETE FROM preset_failures;
SELECT prebuilds_set_desired(id, 2) FROM template_version_presets WHERE name <> 'broken';
SELECT prebuilds_set_desired(fixture.id('broken'), 3);

-- An error that is no error: somebody else holds what is needed, or was faster. It is a conflict, and leaves nothing behind.
CREATE FUNCTION fixture.conflict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001';
END
$$;
DELETE FROM workspaces WHERE name !~ '^antagonist';
DELETE FROM fixture.bad;
SELECT format('CREATE TRIGGER conflict BEFORE INSERT ON workspaces FOR EACH ROW WHEN (NEW.template_id = %L) EXECUTE FUNCTION fixture.conflict()', fixture.id('broken')) \gexec
SELECT created, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon() + interval '3 hours');
SELECT count(*) AS failures FROM preset_failures;
SELECT conflicts, errors, failures FROM reconcile_passes ORDER BY created_at DESC LIMIT 1;
DROP TRIGGER conflict ON workspaces;
SELECT created, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon() + interval '3 hours');

-- A cancel is no preset's fault: it ends the pass, and leaves nothing.
CREATE FUNCTION fixture.canceled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE query_canceled;
END
$$;
DELETE FROM workspaces WHERE name !~ '^antagonist';
SELECT format('CREATE TRIGGER canceled BEFORE INSERT ON workspaces FOR EACH ROW WHEN (NEW.template_id = %L) EXECUTE FUNCTION fixture.canceled()', fixture.id('broken')) \gexec
SELECT created FROM prebuilds_reconcile_all(fixture.noon() + interval '4 hours');
\echo :LAST_ERROR_SQLSTATE
SELECT fixture.new_prebuilds();

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
