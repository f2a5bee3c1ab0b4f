-- Folded rows and deltas in one statement, hence of one moment: what a fold moves meanwhile is
-- seen on one side only. Newest first, so that a limit leaves out the oldest.
SELECT
    r.start_ns, service.name AS service, operation.name AS operation,
    coalesce(operation.kind, 0::smallint) AS kind,
    r.span_count, r.error_count, r.max_ns, r.sketch
FROM (
    SELECT tenant_id, operation_id, start_ns, span_count, error_count, max_ns, sketch
    FROM rollups
    WHERE tenant_id = $1 AND window_seconds = $2 AND start_ns >= $3 AND start_ns < $4
    UNION ALL
    SELECT
        waiting.tenant_id, delta.operation_id,
        delta.start_ns - ((delta.start_ns % $5) + $5) % $5,
        delta.span_count, delta.error_count, delta.max_ns, delta.sketch
    FROM rollup_deltas AS waiting
    CROSS JOIN LATERAL unnest(
        waiting.operation_ids, waiting.starts_ns,
        waiting.span_counts, waiting.error_counts, waiting.maxes_ns, waiting.sketches
    ) AS delta (operation_id, start_ns, span_count, error_count, max_ns, sketch)
    WHERE waiting.tenant_id = $1 AND delta.start_ns >= $3
        AND delta.start_ns - ((delta.start_ns % $5) + $5) % $5 < $4
) AS r
LEFT JOIN operations AS operation
    ON operation.tenant_id = r.tenant_id AND operation.id = r.operation_id
LEFT JOIN services AS service
    ON service.tenant_id = r.tenant_id AND service.id = operation.service_id
WHERE ($6::text IS NULL OR service.name = $6) AND ($7::text IS NULL OR operation.name = $7)
ORDER BY r.start_ns DESC
LIMIT $8
