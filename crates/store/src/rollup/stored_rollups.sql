SELECT
    r.tenant_id, r.operation_id, r.start_ns, r.span_count, r.error_count, r.max_ns, r.sketch,
    r.window_seconds
FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[])
    AS wanted (tenant_id, window_seconds, start_ns, operation_id)
JOIN rollups AS r USING (tenant_id, window_seconds, start_ns, operation_id)
