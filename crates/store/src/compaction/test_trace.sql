INSERT INTO traces (
    tenant_id, trace_id, start_ns, end_ns, received_ns, first_block_id, root_rank, root_span_id,
    root_digest, root_operation_id, root_duration_ns, span_count, error_count, has_root, services
)
VALUES ($1, $2, $3, $3, $4, nextval('block_ids'), 0, 1, 1, 1, 0, $5, $6, true, '{}')
ON CONFLICT (tenant_id, trace_id) DO UPDATE SET
    span_count = traces.span_count + excluded.span_count,
    error_count = traces.error_count + excluded.error_count
