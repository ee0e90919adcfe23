-- A pass over all presets.
SELECT * FROM prebuilds_reconcile_all();
