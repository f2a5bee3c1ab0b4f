-- The windows of a tenant with these keys. OFFSET 0 keeps it one look into the key for each: joined, a
-- plan without statistics compares every key with every row of its window.
SELECT
    r.window_seconds, r.start_ns, r.operation_id, r.span_count, r.error_count, r.max_ns, r.sketch
FROM unnest($2::integer[], $3::bigint[], $4::bigint[])
    AS wanted (window_seconds, start_ns, operation_id)
CROSS JOIN LATERAL (
    SELECT *
    FROM rollups AS r
    WHERE r.tenant_id = $1
        AND r.bucket = 0
        AND r.window_seconds = wanted.window_seconds
        AND r.start_ns = wanted.start_ns
        AND r.operation_id = wanted.operation_id
    OFFSET 0
) AS r
