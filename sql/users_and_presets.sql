-- The look-ups that an application begins with: its user, and the preset to ask for.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

-- A user is made once, whatever the case of his name, and then stays as he is.
SELECT prebuilds_ensure_user('Ann', 'ann@elsewhere') = :'ann' AS the_same;
SELECT prebuilds_ensure_user('carol', 'Carol@example.com') IS NOT NULL AS made;
SELECT username, email, is_system, deleted FROM prebuilds.users ORDER BY username;
-- A deleted one is another one.
UPDATE prebuilds.users SET deleted = true WHERE id = :'bob';
SELECT prebuilds_ensure_user('bob') <> :'bob' AS another;

-- Presets by name, of the active version.
SELECT pg_temp.prebuild(:'small', 'prebuild-' || n, n * interval '1 hour', ready => n < 3) IS NOT NULL AS made FROM generate_series(1, 3) AS n;
SELECT template_id = :'template' AS template, template_version_id = :'version' AS version, preset_id = :'small' AS small, eligible
FROM prebuilds_find_preset('ACME', 'Web', 'small');
SELECT preset_id = :'small' AS small, eligible FROM prebuilds_find_preset('acme', 'web');
UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 5400 WHERE id = :'small';
SELECT eligible AS one_has_expired FROM prebuilds_find_preset('acme', 'web');
UPDATE prebuilds.templates SET deprecated = 'use another one' WHERE id = :'template';
SELECT eligible AS deprecated FROM prebuilds_find_preset('acme', 'web');

-- Nothing is no row.
SELECT count(*) FROM prebuilds_find_preset('acme', 'web', 'large');
SELECT count(*) FROM prebuilds_find_preset('acme', 'app');
SELECT count(*) FROM prebuilds_find_preset('other', 'web');
UPDATE prebuilds.template_version_presets SET is_default = false;
SELECT count(*) AS no_default FROM prebuilds_find_preset('acme', 'web');
UPDATE prebuilds.templates SET deleted = true;
SELECT count(*) AS deleted FROM prebuilds_find_preset('acme', 'web', 'small');

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_ensure_user(NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_ensure_user('')$$);
SELECT left(pg_temp.refused($$SELECT prebuilds_ensure_user(repeat('u', 65))$$), 5);
SELECT pg_temp.refused($$SELECT prebuilds_ensure_user('Prebuilds')$$);
SELECT pg_temp.refused($$SELECT prebuilds_ensure_user('dave', '')$$);
SELECT pg_temp.refused($$SELECT prebuilds_ensure_user('dave', 'CAROL@example.com')$$);
SELECT pg_temp.refused($$SELECT prebuilds_find_preset(NULL, 'web')$$);
SELECT pg_temp.refused($$SELECT prebuilds_find_preset('acme', NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_find_preset('acme', 'web', '')$$);

DROP EXTENSION pg_prebuilds;
