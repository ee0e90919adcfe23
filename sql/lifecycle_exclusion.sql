-- A prebuild never carries lifecycle fields: autostart, autostop and dormancy would act on it behind the pass.
CREATE EXTENSION pg_prebuilds;
SET search_path = prebuilds, public;
\set VERBOSITY terse

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;
INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO users (id, username, email) VALUES (pg_temp.id(2), 'ann', 'ann@example.com');
INSERT INTO templates (id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(1), 'web');
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name)
VALUES (pg_temp.id(4), system_user_id(), pg_temp.id(1), pg_temp.id(3), 'prebuild-a');

UPDATE workspaces SET autostart_schedule = 'CRON_TZ=UTC 0 9 * * 1-5' WHERE id = pg_temp.id(4);
UPDATE workspaces SET ttl = 3600000000000 WHERE id = pg_temp.id(4);
UPDATE workspaces SET next_start_at = now() WHERE id = pg_temp.id(4);
UPDATE workspaces SET dormant_at = now() WHERE id = pg_temp.id(4);
UPDATE workspaces SET deleting_at = now() WHERE id = pg_temp.id(4);

-- Not even while it is deleted, nor for an instant.
UPDATE workspaces SET deleted = true, ttl = 0 WHERE id = pg_temp.id(4);
INSERT INTO workspaces (owner_id, organization_id, template_id, name, ttl)
VALUES (system_user_id(), pg_temp.id(1), pg_temp.id(3), 'prebuild-b', 1);

-- A claim changes the owner and sets them in one statement; there is no way back with them.
UPDATE workspaces SET owner_id = pg_temp.id(2), name = 'mine', autostart_schedule = 'CRON_TZ=UTC 0 9 * * 1-5', ttl = 3600000000000
 WHERE id = pg_temp.id(4);
UPDATE workspaces SET owner_id = system_user_id() WHERE id = pg_temp.id(4);
UPDATE workspaces SET owner_id = system_user_id(), autostart_schedule = NULL, ttl = NULL WHERE id = pg_temp.id(4);
SELECT owner_id = system_user_id() AS is_prebuild, autostart_schedule, ttl FROM workspaces;

RESET search_path;
DROP EXTENSION pg_prebuilds;
