-- A push makes a version with its parameters and presets; an equal push changes nothing.
CREATE EXTENSION pg_prebuilds;
\pset null '(none)'
\set VERBOSITY default
\set SHOW_CONTEXT never

CREATE TEMP TABLE pushed (n serial, organization_id uuid, template_id uuid, template_version_id uuid, preset_ids jsonb);
INSERT INTO pushed (organization_id, template_id, template_version_id, preset_ids)
SELECT * FROM prebuilds_push_template('acme', 'web', 'v1', $$[
    {"name": "small", "default": true, "parameters": {"region": "eu", "size": 2},
     "prebuilds": {"instances": 2, "expiration_policy": {"ttl": 86400},
                   "scheduling": {"timezone": "Europe/Berlin", "schedule": [{"cron": "* 9-18 * * 1-5", "instances": 5},
                                                                            {"cron": "* 8 * * 1-5", "instances": 3}]}}},
    {"name": "bare"}]$$,
    definition => '{"image": "debian"}',
    parameters => $$[{"name": "region", "options": ["eu", {"name": "America", "value": "us"}]},
                     {"name": "size", "type": "number", "default_value": "1", "mutable": true, "validation_regex": "^[0-9]+$", "display_order": 1}]$$,
    tags => '{"gpu": true}', default_ttl => '8 hours');

-- What it wrote.
SELECT o.name AS organization, t.name AS template, t.active_version_id = v.id AS active, t.default_ttl, t.provisioner, v.name AS version, v.definition, v.tags
  FROM prebuilds.templates t JOIN prebuilds.organizations o ON o.id = t.organization_id JOIN prebuilds.template_versions v ON v.template_id = t.id;
SELECT name, type, required, default_value, mutable, options, validation_regex, display_order
  FROM prebuilds.template_version_parameters ORDER BY name;
SELECT name, desired_instances, invalidate_after_secs, scheduling_timezone, is_default, prebuild_status, (SELECT preset_ids ->> p.name FROM pushed) = p.id::text AS id_returned,
       (SELECT jsonb_object_agg(pp.name, pp.value) FROM prebuilds.template_version_preset_parameters pp WHERE pp.template_version_preset_id = p.id) AS parameters
  FROM prebuilds.template_version_presets p ORDER BY name;
SELECT cron_expression, desired_instances FROM prebuilds.template_version_preset_prebuild_schedules ORDER BY 1;
SELECT count(DISTINCT x.created_at) AS instants
  FROM (SELECT created_at FROM prebuilds.organizations UNION ALL SELECT created_at FROM prebuilds.templates
        UNION ALL SELECT created_at FROM prebuilds.template_versions UNION ALL SELECT created_at FROM prebuilds.template_version_presets) x;

-- The same said in another way: other case, other order, numbers and texts, nulls and what is left out.
CREATE TEMP VIEW written AS
SELECT (SELECT max(xmin::text::bigint) FROM prebuilds.templates) AS template, (SELECT max(xmin::text::bigint) FROM prebuilds.template_versions) AS version,
       (SELECT max(xmin::text::bigint) FROM prebuilds.template_version_presets) AS preset;
CREATE TEMP TABLE before AS SELECT * FROM written;
INSERT INTO pushed (organization_id, template_id, template_version_id, preset_ids)
SELECT * FROM prebuilds_push_template('Acme', 'WEB', 'v1', $$[
    {"name": "bare", "description": "", "default": false, "prebuilds": null},
    {"default": true, "parameters": {"size": "2", "region": "eu"}, "name": "small",
     "prebuilds": {"scheduling": {"schedule": [{"instances": 5, "cron": "* 9-18 * * 1-5"}, {"instances": 3.0, "cron": "* 8 * * 1-5"}],
                                  "timezone": "Europe/Berlin"},
                   "instances": 2, "expiration_policy": {"ttl": 86400}}}]$$,
    definition => '{"image": "debian"}',
    parameters => $$[{"name": "region", "required": true, "options": ["eu", {"name": "America", "value": "us"}]},
                     {"name": "size", "type": "number", "default_value": "1", "mutable": true, "validation_regex": "^[0-9]+$", "display_order": 1}]$$,
    tags => '{"gpu": "true", "scope": "organization"}', activate => false, default_ttl => '480 minutes');
SELECT count(DISTINCT (organization_id, template_id, template_version_id, preset_ids)) AS answers FROM pushed;
SELECT before = written AS nothing_written FROM before, written;

-- An operator's count does not make the push another one, and the push does not undo it.
SELECT prebuilds_push_template('acme', 'db', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]') IS NOT NULL AS pushed;
SELECT prebuilds_set_desired(id, 4) FROM prebuilds.template_version_presets WHERE name = 'p';
SELECT prebuilds_push_template('acme', 'db', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]') IS NOT NULL AS pushed;
SELECT desired_instances FROM prebuilds.template_version_presets WHERE name = 'p';

-- A different one is refused, and says in what.
SELECT prebuilds_push_template('acme', 'db', 'v1', '[{"name": "p", "prebuilds": {"instances": 4}}]');
SELECT prebuilds_push_template('acme', 'db', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]', definition => '{"a": 1}', tags => '{"gpu": true}', provisioner => 'docker');
INSERT INTO prebuilds.template_versions (template_id, organization_id, name) SELECT id, organization_id, 'foreign' FROM prebuilds.templates WHERE name = 'db';
SELECT prebuilds_push_template('acme', 'db', 'foreign', '[]');

-- Another version becomes active, with its provisioner and TTL; or waits for its promotion.
SELECT prebuilds_push_template('acme', 'db', 'v2', '[]', provisioner => 'docker', default_ttl => '1 hour') IS NOT NULL AS pushed;
SELECT v.name AS active, t.provisioner, t.default_ttl FROM prebuilds.templates t JOIN prebuilds.template_versions v ON v.id = t.active_version_id WHERE t.name = 'db';
SELECT prebuilds_push_template('acme', 'db', 'v3', '[]', activate => false) IS NOT NULL AS pushed;
SELECT v.name AS active, t.provisioner, t.default_ttl FROM prebuilds.templates t JOIN prebuilds.template_versions v ON v.id = t.active_version_id WHERE t.name = 'db';

-- Nothing is required of presets that are not built by themselves, nor of parameters that nobody declared.
SELECT jsonb_object_keys(preset_ids) FROM prebuilds_push_template('acme', 'form', 'v1', '[{"name": "half", "parameters": {"a": 1}}]',
    parameters => '[{"name": "a"}, {"name": "b"}]');
SELECT jsonb_object_keys(preset_ids) FROM prebuilds_push_template('acme', 'form', 'v2', '[{"name": "free", "parameters": {"anything": "goes"}, "prebuilds": {"instances": 0}}]');

-- The names of deleted templates and organizations are free again.
SELECT prebuilds_delete_template(id) FROM prebuilds.templates WHERE name = 'db';
SELECT prebuilds_push_template('acme', 'db', 'v1', '[]') IS NOT NULL AS pushed;
SELECT count(*), count(*) FILTER (WHERE deleted) AS deleted FROM prebuilds.templates WHERE name = 'db';

DROP VIEW written;
DROP EXTENSION pg_prebuilds;
