-- Of what failed before there was a build, the last is shown: of those of one instant the one with the greatest id.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p');
CALL fixture.preset('q');
CREATE PROCEDURE fixture.failed(preset text, n int, message text, age interval, action text DEFAULT 'create') LANGUAGE sql AS $$
    INSERT INTO preset_failures (id, created_at, preset_id, action, sqlstate, message)
    VALUES (lpad(n::text, 32, '0')::uuid, fixture.noon() - age, fixture.id(preset), action, 'FX001', message)
$$;
CREATE VIEW fixture.shown AS
SELECT preset_name, num_failed, backoff_until, left(substring(problem FROM 'last error: (.*)'), 20) AS last_error, length(problem) > 30000 AS long
  FROM public.prebuilds_status(fixture.noon()) WHERE preset_name IN ('p', 'q');

-- In any order of writing.
CALL fixture.failed('p', 3, 'third', '2 min');
CALL fixture.failed('p', 9, 'first', '3 min');
CALL fixture.failed('p', 5, 'fifth', '1 min');
CALL fixture.failed('p', 4, 'fourth', '1 min');
CALL fixture.failed('p', 2, 'second', '2 min');
SELECT * FROM fixture.shown;
CALL fixture.failed('p', 6, 'sixth', '1 min');
SELECT * FROM fixture.shown;

-- What failed otherwise is told as well, and does not count.
CALL fixture.failed('p', 1, 'delete', '30 s', 'delete');
CALL fixture.failed('q', 7, 'only a cancel', '30 s', 'cancel_pending');
SELECT * FROM fixture.shown;

-- Within the lookback, its first instant included, and after a reset.
DELETE FROM preset_failures;
CALL fixture.failed('p', 1, 'as old as can be', current_setting('prebuilds.reconciliation_backoff_lookback')::interval);
CALL fixture.failed('q', 2, 'older', current_setting('prebuilds.reconciliation_backoff_lookback')::interval + '1 us');
SELECT * FROM fixture.shown;
CALL fixture.failed('q', 3, 'at the reset', '10 min');
UPDATE template_version_presets SET failures_reset_at = fixture.noon() - interval '10 min' WHERE id = fixture.id('q');
SELECT * FROM fixture.shown;
CALL fixture.failed('q', 4, 'after the reset', interval '10 min' - interval '1 us');
SELECT * FROM fixture.shown;
UPDATE template_version_presets SET failures_reset_at = 'infinity' WHERE id = fixture.id('q');
SELECT * FROM fixture.shown;

-- A long message, stored out of line; nothing to read.
DELETE FROM preset_failures;
CALL fixture.failed('p', 1, 'long', '1 min');
UPDATE preset_failures SET message = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) n);
SELECT * FROM fixture.shown;
DELETE FROM preset_failures;
SELECT * FROM fixture.shown;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
