-- Merges the drop counts of processes. Counts are cumulative, so the greatest count is the latest. Only
-- the growth of a count is added to its minute, so a repeated report counts once.
WITH reported AS (
    SELECT process.*, resource.service_id
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS process (tenant_id, process_id, reason, span_count, resource_id, received_ns)
    LEFT JOIN resources AS resource
        ON resource.tenant_id = process.tenant_id AND resource.id = process.resource_id
),
merged AS (
    INSERT INTO process_drops AS d (tenant_id, process_id, reason, span_count, growth)
    SELECT tenant_id, process_id, reason, span_count, span_count
    FROM reported
    ON CONFLICT (tenant_id, process_id, reason) DO UPDATE SET
        growth = greatest(excluded.span_count - d.span_count, 0),
        span_count = greatest(d.span_count, excluded.span_count)
    RETURNING tenant_id, process_id, reason, growth
)
INSERT INTO dropped_spans AS s (tenant_id, minute_ns, service_id, reason, span_count)
SELECT
    tenant_id,
    received_ns / 60000000000 * 60000000000 AS minute_ns,
    service_id,
    reason,
    sum(merged.growth)::bigint
FROM merged
JOIN reported USING (tenant_id, process_id, reason)
WHERE merged.growth > 0 AND service_id IS NOT NULL
GROUP BY tenant_id, minute_ns, service_id, reason
-- Commits lock rows in one order.
ORDER BY tenant_id, minute_ns, service_id, reason
ON CONFLICT (tenant_id, minute_ns, service_id, reason) DO UPDATE SET
    span_count = s.span_count + excluded.span_count
