-- Sessions keep plans, and one that was made while a table was empty or had no statistics would scan it for every key
-- once it is full. Our functions look rows up by key: they never scan a table that has an index for it, no statement
-- of theirs is long enough to be worth compiling, and one plan is good for any key; left to itself PostgreSQL plans some
-- of them anew for each call, which takes longer than to run them.
DO $$
DECLARE
    name pg_catalog.regprocedure;
BEGIN
    FOR name IN
        SELECT p.oid
          FROM pg_catalog.pg_depend AS d
          JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_prebuilds'
          JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
         WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           AND d.deptype = 'e'
           -- What clients call, and the worker's housekeeping.
           AND (p.prosecdef OR p.proname IN ('running_since', 'reap_jobs', 'keep_house', 'keep_house_batch', 'fold_metrics',
                                             'fold_batch', 'add_batches', 'prune_batch', 'prune_misses'))
    LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET enable_seqscan = off', name);
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET jit = off', name);
        EXECUTE pg_catalog.format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', name);
    END LOOP;
END
$$;
