-- A claim from one of the pools of templates 1 to :pools.
\set pool random(1, :pools)
SELECT prebuilds_claim(bench.preset(:pool, :version), bench.person(:pool), gen_random_uuid()::text);
