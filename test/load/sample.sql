-- Looks at the pools, again and again. Nobody here lowers a desired count or starts a prebuild by hand.
WITH overfull AS (
    INSERT INTO load.overfull (preset_id, desired, valid, starting, at)
    SELECT p.preset_id, p.desired, p.valid, p.starting, clock_timestamp()
      FROM load.pools AS p WHERE p.valid + p.starting > p.desired
    RETURNING 1)
INSERT INTO load.samples SELECT count(*) FROM overfull;
\sleep 5 ms
