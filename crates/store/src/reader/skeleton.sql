-- Nothing that may be large: no attributes, no links, no messages.
SELECT
    span_id, parent_span_id, operation_id, start_ns, duration_ns, kind, status, events
FROM spans
WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4
ORDER BY start_ns, span_id, digest
