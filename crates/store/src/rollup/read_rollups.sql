-- Returns the newest $10 windows of a tenant, by operation. $1: tenant. $2: length in seconds of
-- the stored windows. $3, $4: range of their starts. $5: lengths in seconds of the smaller windows
-- that make up later windows. $6, $7: ranges of their starts, the end exclusive. $8: length of a
-- window in ns. $9: operations, NULL for all.
(
    SELECT start_ns, operation_id, span_count, error_count, max_ns, ARRAY[sketch] AS sketches
    FROM rollups
    WHERE tenant_id = $1 AND bucket = 0 AND window_seconds = $2
        AND start_ns >= $3 AND start_ns < $4
        AND ($9::bigint[] IS NULL OR operation_id = ANY ($9))
    ORDER BY start_ns DESC, operation_id DESC
    LIMIT $10
)
UNION ALL
SELECT
    r.start_ns - ((r.start_ns % $8) + $8) % $8, r.operation_id,
    sum(r.span_count)::bigint, sum(r.error_count)::bigint, max(r.max_ns), array_agg(r.sketch)
FROM unnest($5::integer[], $6::bigint[], $7::bigint[]) AS part (window_seconds, from_ns, to_ns)
JOIN rollups AS r
    ON r.tenant_id = $1 AND r.bucket = 0 AND r.window_seconds = part.window_seconds
    AND r.start_ns >= part.from_ns AND r.start_ns < part.to_ns
WHERE $9::bigint[] IS NULL OR r.operation_id = ANY ($9)
GROUP BY 1, 2
ORDER BY start_ns DESC, operation_id DESC
LIMIT $10
