SELECT tenant_id, trace_id, span_count
FROM traces
WHERE (tenant_id, trace_id) IN (
    SELECT tenant_id, trace_id
    FROM unnest($1::uuid[], $2::uuid[]) AS asked (tenant_id, trace_id)
)
