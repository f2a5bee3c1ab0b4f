-- Sorted by the unique key, so that two servers that store the same spans wait for each other in
-- the same order. RETURNING tells the rows really written; the row count does not, on Citus.
INSERT INTO spans
SELECT *
FROM staged_spans
ORDER BY tenant_id, trace_id, span_id, start_ns, digest
ON CONFLICT DO NOTHING
RETURNING digest
