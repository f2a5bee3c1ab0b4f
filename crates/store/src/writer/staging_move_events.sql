-- Sorted by the unique key, so that two servers that store the same events do not deadlock.
-- RETURNING gives the rows that were written; the row count does not, on Citus.
INSERT INTO events
SELECT *
FROM staged_events
ORDER BY tenant_id, at_ns, digest
ON CONFLICT DO NOTHING
RETURNING tenant_id, at_ns, digest
