-- One of many claims whose transactions are open at the same time: waits for whoever holds lock 1 before it commits.
SELECT preset_id AS preset FROM prebuilds_find_preset('acme', 'web', 'p1') \gset
BEGIN;
SELECT prebuilds_claim(':preset', load.person(:client_id), 'mine') AS workspace \gset
INSERT INTO load.answers (client, preset_id, workspace_id) VALUES (:client_id, ':preset', nullif(':workspace', '')::uuid);
SELECT pg_advisory_xact_lock_shared(1);
COMMIT;
