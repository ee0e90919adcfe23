-- An author: pushes a version, goes back to the one before, goes forward again, invalidates.
SELECT load.push(:pools, :desired);
\set pause random(500, 1500)
\sleep :pause ms
SELECT count(prebuilds_promote_version(v.id))
  FROM (SELECT v.id FROM prebuilds.template_versions AS v ORDER BY v.created_at DESC, v.id DESC OFFSET 1 LIMIT 1) AS v;
\set pause random(100, 600)
\sleep :pause ms
SELECT count(prebuilds_promote_version(v.id))
  FROM (SELECT v.id FROM prebuilds.template_versions AS v ORDER BY v.created_at DESC, v.id DESC LIMIT 1) AS v;
\set pause random(100, 600)
\sleep :pause ms
SELECT count(i.*) FROM prebuilds.templates AS t, prebuilds_invalidate(t.id) AS i;
\set pause random(500, 1500)
\sleep :pause ms
