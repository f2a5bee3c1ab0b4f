-- Counts spans without a number that were rejected because of the span limit. The input is sorted
-- by key, so that two servers lock the same rows in the same order. A trace that has only numbered
-- spans comes with count 0, to take the lock.
INSERT INTO refused_spans AS r (tenant_id, trace_id, span_count)
SELECT t.tenant_id, t.trace_id, told.span_count
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS told (tenant_id, trace_id, span_count)
JOIN traces AS t ON t.tenant_id = told.tenant_id AND t.trace_id = told.trace_id
ORDER BY t.tenant_id, t.trace_id
ON CONFLICT (tenant_id, trace_id) DO UPDATE SET
    span_count = r.span_count + excluded.span_count
