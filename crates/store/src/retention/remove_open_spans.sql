-- Rows that a commit has locked just now are left to the next run.
DELETE FROM open_spans
WHERE ctid = ANY (ARRAY(
    SELECT o.ctid
    FROM open_spans AS o
    WHERE o.start_ns < $1
        AND NOT EXISTS (
            SELECT FROM traces AS t WHERE t.tenant_id = o.tenant_id AND t.trace_id = o.trace_id
        )
    LIMIT $2
    FOR UPDATE OF o SKIP LOCKED
))
