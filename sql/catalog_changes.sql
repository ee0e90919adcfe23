-- A session that has used tables and indexes finds those of the same name after they have been made anew.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

SELECT pg_temp.prebuild(:'small', 'first', '2 hours') AS first, pg_temp.prebuild(:'small', 'second', '1 hour') AS second \gset
SELECT prebuilds_claim(:'small', :'ann', 'one') = :'first' AS claimed;

REINDEX INDEX CONCURRENTLY prebuilds.live_prebuilds_claim_idx;
REINDEX TABLE CONCURRENTLY prebuilds.provisioner_jobs;
REINDEX TABLE CONCURRENTLY prebuilds.workspaces;
SELECT prebuilds_claim(:'small', :'ann', 'two') = :'second' AS claimed;

-- Another extension; first one that was made in a transaction that failed.
DROP EXTENSION pg_prebuilds;
DISCARD TEMP;
BEGIN;
CREATE EXTENSION pg_prebuilds;
\set ECHO none
\i :pool
\set ECHO all
SELECT pg_temp.prebuild(:'small', 'first', '1 hour') AS first \gset
SELECT prebuilds_claim(:'small', :'ann', 'one') = :'first' AS claimed;
ROLLBACK;
CREATE EXTENSION pg_prebuilds;
\set ECHO none
\i :pool
\set ECHO all
SELECT pg_temp.prebuild(:'small', 'first', '1 hour') AS first \gset
SELECT prebuilds_claim(:'small', :'ann', 'one') = :'first' AS claimed;

DROP EXTENSION pg_prebuilds;
