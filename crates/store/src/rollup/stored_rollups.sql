-- The windows of a tenant with these keys.
SELECT
    r.window_seconds, r.start_ns, r.operation_id, r.span_count, r.error_count, r.max_ns, r.sketch
FROM unnest($2::integer[], $3::bigint[], $4::bigint[])
    AS wanted (window_seconds, start_ns, operation_id)
JOIN rollups AS r USING (window_seconds, start_ns, operation_id)
WHERE r.tenant_id = $1 AND r.bucket = 0
