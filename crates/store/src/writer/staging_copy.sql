COPY staged_spans (
    tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id, scope_id,
    start_ns, duration_ns, flags,
    dropped_attributes_count, dropped_events_count, dropped_links_count,
    kind, status, trace_state, status_message, attributes, events, links,
    digest, received_ns,
    process_id, sequence, clock_offset_ns, clock_error_ns, cut_bytes, payloads
) FROM STDIN (FORMAT binary)
