-- What an operator turns.
CREATE EXTENSION pg_prebuilds;
SET search_path = public, prebuilds;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '(none)'

-- Pause and resume are idempotent, and recorded.
CREATE TEMP VIEW setting AS
SELECT paused(), s.value::jsonb - 'changed_at' - 'changed_by' AS setting, (s.value::jsonb ->> 'changed_at')::timestamptz BETWEEN now() - interval '1 min' AND clock_timestamp() AS dated,
       s.value::jsonb ->> 'changed_by' = current_user AS signed
  FROM (SELECT paused()) p LEFT JOIN site_configs s ON s.key = 'prebuilds_settings';
TABLE setting;
SELECT * FROM prebuilds_resume();
SELECT * FROM prebuilds_pause('maintenance');
SELECT * FROM prebuilds_pause('again');
TABLE setting;
SELECT * FROM prebuilds_resume();
SELECT * FROM prebuilds_resume();
TABLE setting;
SELECT * FROM prebuilds_pause();
TABLE setting;
SELECT * FROM prebuilds_resume();

-- A restored database and a copy are held until somebody resumes.
SELECT held();
UPDATE installation SET created_by_restore = true;
SELECT held();
SELECT * FROM prebuilds_resume();
SELECT held();
UPDATE installation SET database_oid = 1;
SELECT held();
SELECT * FROM prebuilds_resume();
SELECT held(), created_by_restore, database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS here FROM installation;

-- Desired counts.
SELECT preset_ids ->> 'small' AS small, preset_ids ->> 'bare' AS bare
  FROM prebuilds_push_template('acme', 'web', 'v1', '[{"name": "small", "prebuilds": {"instances": 1}}, {"name": "bare"}]') \gset
SELECT * FROM prebuilds_set_desired(:'small', 1);
SELECT * FROM prebuilds_set_desired(:'small', 0);
SELECT * FROM prebuilds_set_desired(:'bare', 100000);
SELECT name, desired_instances FROM template_version_presets ORDER BY name;
SELECT prebuilds_set_desired(:'small', -1);
SELECT prebuilds_set_desired(:'small', 100001);
SELECT prebuilds_set_desired(:'small', NULL);
SELECT prebuilds_set_desired(NULL, 1);
SELECT prebuilds_set_desired('00000000-0000-0000-0000-000000000001', 1);

-- A reset forgives what went wrong so far, and keeps the evidence.
SELECT * FROM prebuilds_reset_preset(:'small');
UPDATE template_version_presets SET prebuild_status = 'hard_limited' WHERE name = 'small';
INSERT INTO preset_failures (preset_id, sqlstate, message) VALUES (:'small', '22023', 'boom');
SELECT * FROM prebuilds_reset_preset(:'small');
SELECT * FROM prebuilds_reset_preset(:'small');
SELECT p.prebuild_status, p.failures_reset_at > f.created_at AS forgiven FROM template_version_presets p JOIN preset_failures f ON f.preset_id = p.id;
SELECT prebuilds_reset_preset(NULL);
SELECT prebuilds_reset_preset('00000000-0000-0000-0000-000000000001');

DROP VIEW setting;
RESET search_path;
DROP EXTENSION pg_prebuilds;
