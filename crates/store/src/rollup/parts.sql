-- Windows of $1 seconds that begin in $2..$3, by operation: the first $6 operations after $4, $5.
SELECT
    tenant_id, operation_id,
    sum(span_count)::bigint AS span_count,
    sum(error_count)::bigint AS error_count,
    max(max_ns) AS max_ns,
    array_agg(sketch) AS sketches
FROM rollups
WHERE bucket = 0 AND window_seconds = $1 AND start_ns >= $2 AND start_ns < $3
    AND ($4::uuid IS NULL OR (tenant_id, operation_id) > ($4, $5))
GROUP BY tenant_id, operation_id
ORDER BY tenant_id, operation_id
LIMIT $6
