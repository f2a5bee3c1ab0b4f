-- Sorted by the unique key, so that two servers that store the same events wait for each other in the
-- same order. RETURNING tells the rows really written; the row count does not, on Citus.
INSERT INTO events
SELECT *
FROM staged_events
ORDER BY tenant_id, at_ns, digest
ON CONFLICT DO NOTHING
RETURNING tenant_id, at_ns, digest
