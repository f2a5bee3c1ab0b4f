COPY staged_events (
    tenant_id, trace_id, at_ns, resource_id, scope_id, span_id, parent_span_id, observed_ns,
    flags, dropped_attributes_count, severity, severity_text, event_type, message, status,
    session_id, correlation_id, body, attributes, payloads,
    digest, received_ns
) FROM STDIN (FORMAT binary)
