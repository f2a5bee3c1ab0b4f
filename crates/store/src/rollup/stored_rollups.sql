-- Returns the windows of a tenant whose operations are in a range, for several ranges. The caller
-- ignores operations that it did not request. The statement reads each row of a window once, even
-- if a plan without statistics uses another index.
SELECT
    r.window_seconds, r.start_ns, r.operation_id, r.span_count, r.error_count, r.max_ns, r.sketch
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS wanted (window_seconds, start_ns, first_operation_id, last_operation_id)
CROSS JOIN LATERAL (
    SELECT *
    FROM rollups AS r
    WHERE r.tenant_id = $1
        AND r.bucket = 0
        AND r.window_seconds = wanted.window_seconds
        AND r.start_ns = wanted.start_ns
        AND r.operation_id BETWEEN wanted.first_operation_id AND wanted.last_operation_id
    OFFSET 0
) AS r
