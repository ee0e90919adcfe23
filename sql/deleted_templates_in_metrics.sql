-- A deleted template has no metrics, neither of what is left of it nor of what it once was; one that is made anew under
-- its name begins at 0.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\i :srcdir/test/fixtures/metrics.sql
\set ECHO all
\pset format unaligned
\pset tuples_only on
CALL fixture.fill_pool();
CALL fixture.use_pool();
SELECT fold_metrics() > 0 AS folded;
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'miss', as_of => fixture.after(301)) IS NULL AS missed;
SELECT count(*) > 60 AS shown FROM fixture.samples WHERE line ~ 'template_name="web"';

-- A deprecated template is still there, with what is left.
UPDATE templates SET deprecated = 'use another one' WHERE id = fixture.id('web');
SELECT line FROM fixture.samples WHERE line ~ 'template_name="web"' AND line !~ '_(bucket|sum|count){';

UPDATE templates SET deleted = true WHERE id = fixture.id('web');
SELECT count(*) > 0 AS left_over FROM prebuilds_status() WHERE template_name = 'web';
SELECT line FROM fixture.samples WHERE line ~ 'template_name="web"';
SELECT count(*) > 0 AS evidence FROM metric_totals;

SELECT template_id IS NOT NULL AS pushed FROM prebuilds_push_template('acme', 'web', 'v1', '[{"name": "p", "prebuilds": {"instances": 1}}]');
SELECT line FROM fixture.samples WHERE line ~ 'template_name="web"';

-- Gone altogether, its totals go too, and what is on the way there.
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'miss', as_of => fixture.after(302)) IS NULL AS missed;
DELETE FROM workspaces;
DELETE FROM templates WHERE deleted;
SELECT count(*) FROM metric_totals WHERE template_id = fixture.id('web');
SELECT s.metric, s.amount, s.template_id = fixture.id('web') AS of_it FROM metric_batches AS b, unnest(b.sums) AS s WHERE s.metric ~ 'misses';
SELECT line FROM fixture.samples WHERE line ~ 'claim_misses' AND line !~ 'template_name="web"';
SELECT fold_metrics();
SELECT count(*) FROM metric_batches;
SELECT count(*) FROM metric_totals WHERE template_id = fixture.id('web');

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
