-- The new values already include the stored ones.
INSERT INTO rollups (
    tenant_id, window_seconds, start_ns, operation_id, span_count, error_count, max_ns, sketch, bucket
)
SELECT row.*, $9
FROM unnest(
    $1::uuid[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bytea[]
) AS row
ON CONFLICT (tenant_id, bucket, window_seconds, start_ns, operation_id) DO UPDATE SET
    span_count = excluded.span_count,
    error_count = excluded.error_count,
    max_ns = excluded.max_ns,
    sketch = excluded.sketch
