-- Spans that were refused because their traces have enough. Locked in the order of the keys, so
-- that two servers wait for each other in the same order.
WITH refused AS (
    SELECT t.tenant_id, t.trace_id, told.span_count
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS told (tenant_id, trace_id, span_count)
    JOIN traces AS t ON t.tenant_id = told.tenant_id AND t.trace_id = told.trace_id
    ORDER BY t.tenant_id, t.trace_id
    FOR UPDATE OF t
)

UPDATE traces AS t
SET refused_count = t.refused_count + refused.span_count
FROM refused
WHERE t.tenant_id = refused.tenant_id
    AND t.trace_id = refused.trace_id
