SELECT
    span_id, parent_span_id, operation_id, resource_id, scope_id,
    start_ns, duration_ns, received_ns, flags,
    dropped_attributes_count, dropped_events_count, dropped_links_count,
    kind, status, trace_state, status_message, attributes, events, links, payloads, digest
FROM spans
WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4 AND span_id = $5
ORDER BY start_ns, span_id, digest
