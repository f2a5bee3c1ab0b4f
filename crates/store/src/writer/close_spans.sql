-- Spans that have ended are no longer open. The rows are locked in the order of their keys, so that
-- two servers do not deadlock.
DELETE FROM open_spans AS o
USING (
    SELECT locked.tenant_id, locked.trace_id, locked.span_id
    FROM open_spans AS locked
    JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS ended (tenant_id, trace_id, span_id)
        USING (tenant_id, trace_id, span_id)
    ORDER BY locked.tenant_id, locked.trace_id, locked.span_id
    FOR UPDATE OF locked
) AS ended
WHERE o.tenant_id = ended.tenant_id
    AND o.trace_id = ended.trace_id
    AND o.span_id = ended.span_id
