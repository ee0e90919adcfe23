-- A person claims from one of the pools; now and then gives the oldest workspace back.
\set pool random(1, :pools)
SELECT preset_id AS preset FROM prebuilds_find_preset('acme', 'web', 'p:pool') \gset
SELECT prebuilds_claim(':preset', load.person(:client), gen_random_uuid()::text) AS workspace \gset
INSERT INTO load.answers (client, preset_id, workspace_id) VALUES (:client, ':preset', nullif(':workspace', '')::uuid);
\set luck random(1, 4)
\if :luck = 1
SELECT count(prebuilds_build_workspace(w.id, 'delete', w.owner_id))
  FROM (SELECT w.id, w.owner_id FROM prebuilds.workspaces AS w
         WHERE w.owner_id = load.person(:client) AND NOT w.deleted
           AND NOT EXISTS (SELECT FROM prebuilds.workspace_builds AS b WHERE b.workspace_id = w.id AND b.open)
         ORDER BY w.created_at LIMIT 1) AS w;
\endif
\set pause random(50, 400)
\sleep :pause ms
