-- Counts numbered spans that were rejected because of the span limit, if their numbers are not
-- known as rejected yet. Numbers that a process row has dropped count as known. This transaction
-- has already locked the rows.
UPDATE refused_spans AS r
SET span_count = r.span_count + fresh.span_count
FROM (
    SELECT told.tenant_id, told.trace_id, count(*) AS span_count
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
        AS told (tenant_id, trace_id, process_id, sequence)
    LEFT JOIN processes AS p ON p.tenant_id = told.tenant_id AND p.id = told.process_id
    WHERE p.id IS NULL
        OR (told.sequence >= p.forgotten_below AND NOT p.rejected @> told.sequence)
    GROUP BY told.tenant_id, told.trace_id
) AS fresh
WHERE r.tenant_id = fresh.tenant_id AND r.trace_id = fresh.trace_id
