-- Bad input to a push: SQLSTATE, where it is, what is allowed; and nothing is written.
CREATE EXTENSION pg_prebuilds;

-- The error that a push raises, in one line.
CREATE FUNCTION pg_temp.push(presets text, parameters text DEFAULT '[]', tags text DEFAULT '{}', template text DEFAULT 'web', version text DEFAULT 'v1',
                             definition text DEFAULT '{}', ttl interval DEFAULT NULL, created_by uuid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM prebuilds_push_template('acme', template, version, presets::jsonb, definition::jsonb, parameters::jsonb, tags::jsonb, default_ttl => ttl, created_by => created_by);
    RETURN 'pushed';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ' ' || message, nullif(detail, ''), coalesce(nullif(hint, ''), 'NO HINT'));
END
$$;

-- Arguments.
SELECT pg_temp.push(NULL);
SELECT pg_temp.push('[]', parameters => NULL);
SELECT pg_temp.push('[]', tags => NULL);
SELECT pg_temp.push('[]', definition => NULL);
SELECT pg_temp.push('[]', template => NULL);
SELECT pg_temp.push('[]', template => '');
SELECT pg_temp.push('[]', version => repeat('v', 65));
SELECT pg_temp.push('[]', ttl => '-1 hour');
SELECT pg_temp.push('[]', created_by => '00000000-0000-0000-0000-000000000001');
SELECT pg_temp.push('[]', tags => '[]');
SELECT pg_temp.push('[]', tags => '{"gpu": {"count": 1}}');
SELECT pg_temp.push('[]', tags => '{"scope": "planet"}');

-- The shape of presets.
SELECT pg_temp.push('{"name": "small"}');
SELECT pg_temp.push('["small"]');
SELECT pg_temp.push('[{}]');
SELECT pg_temp.push('[{"name": 7}]');
SELECT pg_temp.push('[{"name": ""}]');
SELECT pg_temp.push(format('[{"name": "%s"}]', repeat('x', 65)));
SELECT pg_temp.push('[{"name": "a"}, {"name": "b"}, {"name": "a"}]');
SELECT pg_temp.push('[{"name": "a", "default": true}, {"name": "b", "default": true}]');
SELECT pg_temp.push('[{"name": "a", "default": "yes"}]');
SELECT pg_temp.push('[{"name": "a", "instances": 2}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": 2}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": -1}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 100001}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1.5}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": "2"}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1e300}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "ttl": 3600}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "expiration_policy": {"ttl": 3599}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "expiration_policy": {"ttl": 31536001}}}]');

-- Schedules.
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"schedule": [{"cron": "* 9 * * *", "instances": 1}]}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"timezone": "Europe/Berln1", "schedule": [{"cron": "* 9 * * *", "instances": 1}]}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"timezone": "UTC", "schedule": [{"cron": "* 9 * * *"}]}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"timezone": "UTC", "schedule": [{"cron": "* 9 * * *", "instances": 1}, {"cron": "30 10 * * *", "instances": 1}]}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"timezone": "UTC", "schedule": [{"cron": "* 9-14 * * *", "instances": 1}, {"cron": "* 12-18 * * *", "instances": 1}]}}}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1, "scheduling": {"timezone": "UTC", "schedule": {"cron": "* 9 * * *"}}}}]');

-- Parameters, declared and set.
SELECT pg_temp.push('[]', '{"name": "region"}');
SELECT pg_temp.push('[]', '[{"name": "region"}, {"name": "region"}]');
SELECT pg_temp.push('[]', '[{"name": "region", "options": ["eu", ["us"]]}]');
SELECT pg_temp.push('[]', '[{"name": "region", "options": [{"value": "eu", "icon": "flag"}]}]');
SELECT pg_temp.push('[]', '[{"name": "region", "validation_regex": "("}]');
SELECT pg_temp.push('[]', '[{"name": "region", "default_value": "mars", "options": ["eu", "us"]}]');
SELECT pg_temp.push('[{"name": "a", "parameters": {"region": "eu", "size": 1}}]', '[{"name": "region"}]');
SELECT pg_temp.push('[{"name": "a", "parameters": {"region": ["eu"]}}]', '[{"name": "region"}]');
SELECT pg_temp.push('[{"name": "a", "parameters": {"region": "mars"}}]', '[{"name": "region", "options": ["eu", "us"]}]');
SELECT pg_temp.push('[{"name": "a", "parameters": {"size": "big"}}]', '[{"name": "size", "validation_regex": "^[0-9]+$"}]');
SELECT pg_temp.push('[{"name": "a", "prebuilds": {"instances": 1}}]', '[{"name": "region"}]');

-- The whole is read before anything is written.
SELECT pg_temp.push('[{"name": "good", "prebuilds": {"instances": 1}}, {"name": "bad", "prebuilds": {"instances": -1}}]');
SELECT (SELECT count(*) FROM prebuilds.organizations) AS organizations, (SELECT count(*) FROM prebuilds.templates) AS templates;

DROP EXTENSION pg_prebuilds;
