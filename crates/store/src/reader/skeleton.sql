-- Nothing that may be large: no attributes, no events, no links, no messages. Whether there are
-- events is told by the row's bitmap.
SELECT
    span_id, parent_span_id, operation_id, start_ns, duration_ns, kind, status,
    events IS NOT NULL AS has_events, digest
FROM spans
WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4
