-- As staging_move.sql does with spans.
INSERT INTO events
SELECT *
FROM staged_events
ORDER BY tenant_id, at_ns, digest
ON CONFLICT DO NOTHING
RETURNING digest
