SELECT page.*, service.name AS service
FROM (
    SELECT
        e.tenant_id, e.trace_id, e.at_ns, e.received_ns, e.digest, e.resource_id, e.scope_id,
        e.span_id, e.parent_span_id, e.observed_ns, e.flags, e.dropped_attributes_count,
        e.severity, e.severity_text, e.event_type, e.message, e.body, e.attributes, e.payloads
    FROM events AS e
