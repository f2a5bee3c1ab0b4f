-- What a receipt needs of the spans of a trace, by process and service. No attributes.
SELECT
    s.process_id,
    service.name AS service,
    count(*) AS span_count,
    count(*) FILTER (WHERE s.process_id IS NULL OR s.sequence IS NULL) AS unnumbered_count,
    min(s.sequence) AS least,
    max(s.sequence) AS greatest,
    count(*) FILTER (WHERE s.flags & 1 = 0) AS unsampled_count,
    least(coalesce(sum(s.cut_bytes), 0), 9223372036854775807)::bigint AS cut_bytes,
    -- The columns hold unsigned numbers.
    coalesce(sum(
        (coalesce(s.dropped_attributes_count, 0)::bigint & 4294967295)
        + (coalesce(s.dropped_events_count, 0)::bigint & 4294967295)
        + (coalesce(s.dropped_links_count, 0)::bigint & 4294967295)
    ), 0)::bigint AS dropped_parts
FROM spans AS s
LEFT JOIN operations AS operation
    ON operation.tenant_id = s.tenant_id AND operation.id = s.operation_id
LEFT JOIN services AS service
    ON service.tenant_id = s.tenant_id AND service.id = operation.service_id
WHERE s.tenant_id = $1 AND s.trace_id = $2 AND s.start_ns BETWEEN $3 AND $4
GROUP BY s.process_id, service.name
