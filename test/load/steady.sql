-- A person claims at a steady rate, and gives back what he has longest.
SELECT preset_id AS preset FROM prebuilds_find_preset('acme', 'web', 'p1') \gset
SELECT clock_timestamp() AS began \gset
SELECT prebuilds_claim(':preset', load.person(:client), gen_random_uuid()::text) AS workspace \gset
INSERT INTO load.answers (client, preset_id, workspace_id, milliseconds)
VALUES (:client, ':preset', nullif(':workspace', '')::uuid, 1000 * extract(epoch FROM clock_timestamp() - ':began'));
SELECT count(prebuilds_build_workspace(w.id, 'delete', w.owner_id))
  FROM (SELECT w.id, w.owner_id FROM prebuilds.workspaces AS w
         WHERE w.owner_id = load.person(:client) AND NOT w.deleted
           AND NOT EXISTS (SELECT FROM prebuilds.workspace_builds AS b WHERE b.workspace_id = w.id AND b.open)
         ORDER BY w.created_at OFFSET 2 LIMIT 1) AS w;
\sleep 50 ms
