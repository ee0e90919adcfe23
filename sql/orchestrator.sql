-- What the orchestrator tells: what a pass did, in the row that it returns and in the one that it leaves behind; and
-- claims that replaced resources. (Its run loop, and its stop with a cause, are in test/t/020_worker_life_cycle.pl.)
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();

-- A pool for everything that a pass may do: create; delete, both expired and too many; cancel; skip; fail.
CALL fixture.version('v0', activate => false);
CALL fixture.preset('creates', desired => 3);
CALL fixture.preset('deletes', desired => 1);
CALL fixture.preset('balanced', desired => 1);
CALL fixture.preset('cancels', desired => 2, version => 'v0');
CALL fixture.preset('broken', desired => 1);
SELECT count(fixture.ready('d' || n, 'deletes', age => n * interval '1 hour')) FROM generate_series(1, 4) n;
UPDATE template_version_presets SET invalidate_after_secs = 3 * 3600 + 1 WHERE name = 'deletes';
SELECT fixture.ready('b', 'balanced') IS NOT NULL AS balanced;
SELECT count(fixture.prebuild('start', 'pending', 'cancels', version => 'v0')) FROM generate_series(1, 2);
CREATE FUNCTION fixture.break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.template_version_preset_id = fixture.id('broken') THEN
        RAISE EXCEPTION 'no room for the broken one' USING ERRCODE = 'FX001';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER break BEFORE INSERT ON workspace_builds FOR EACH ROW EXECUTE FUNCTION fixture.break();
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, lock_acquired, paused, elapsed > '0' AS took_time
  FROM prebuilds_reconcile_all(fixture.noon());
SELECT created_at, presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, elapsed > '0' AS took_time,
       (SELECT jsonb_agg(f - 'preset_id') FROM jsonb_array_elements(failures) f) AS failures,
       (SELECT jsonb_agg(c - 'preset_id') FROM jsonb_array_elements(creates) c) AS creates
  FROM reconcile_passes;
-- The next one has nothing to do but to wait with the one that failed, and leaves no row.
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, lock_acquired, paused
  FROM prebuilds_reconcile_all(fixture.noon());
SELECT count(*) FROM reconcile_passes;

-- A claim that replaced resources counts once, for the preset of the first build.
CALL fixture.person('ann');
UPDATE users SET rbac_roles = '{owner}' WHERE username = 'ann';
SELECT prebuilds_claim(fixture.id('balanced'), fixture.id('ann'), 'mine', as_of => fixture.noon()) = fixture.id('b') AS claimed;
SELECT prebuilds_track_resource_replacement(b.workspace_id, b.id, '{"docker_container.main": ["env"]}') AS told
  FROM workspace_builds b, generate_series(1, 2) WHERE b.workspace_id = fixture.id('b') AND b.build_number = 2;
SELECT p.name, count(*) FROM resource_replacements r JOIN template_version_presets p ON p.id = r.preset_id GROUP BY p.name;
SELECT kind, payload ->> 'preset_name' AS preset, payload -> 'replacements' AS replacements FROM prebuilds_take_notifications();
SELECT line FROM string_to_table(prebuilds_metrics(), E'\n') AS line WHERE line ~ '^coderd_prebuilt_workspaces_resource_replacements_total.*"balanced"';

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
