-- Spans of a trace that have begun.
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
ORDER BY o.start_ns, o.span_id
-- A view of more is of no use to anybody.
LIMIT 10000
