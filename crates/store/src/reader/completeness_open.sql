-- Returns the running spans of a trace.
SELECT
    o.span_id, o.parent_span_id, o.start_ns, o.process_id, o.sequence,
    operation.name, operation.kind, service.name AS service
FROM open_spans AS o
LEFT JOIN operations AS operation
    ON operation.tenant_id = o.tenant_id AND operation.id = o.operation_id
LEFT JOIN services AS service
    ON service.tenant_id = o.tenant_id AND service.id = operation.service_id
WHERE o.tenant_id = $1
    AND o.trace_id = $2
-- IDs compare as unsigned numbers.
ORDER BY o.start_ns, o.span_id # '-9223372036854775808'::bigint
-- A client cannot show more than this usefully.
LIMIT 10000
