SELECT page.*, service.name AS service
FROM (
    SELECT
        listed.*, count(*) OVER () AS listed_rows,
        coalesce(
            sum(
                200 + coalesce(octet_length(message), 0) + coalesce(octet_length(body), 0)
                + coalesce(octet_length(attributes), 0) + coalesce(octet_length(payloads), 0)
                + coalesce(octet_length(severity_text), 0) + coalesce(octet_length(event_type), 0)
            ) OVER so_far, 0
        ) AS bytes_before
    FROM (
        SELECT
            e.tenant_id, e.trace_id, e.at_ns, e.received_ns, e.digest, e.resource_id, e.scope_id,
            e.span_id, e.parent_span_id, e.observed_ns, e.flags, e.dropped_attributes_count,
            e.severity, e.severity_text, e.event_type, e.message, e.body, e.attributes, e.payloads
        FROM 
