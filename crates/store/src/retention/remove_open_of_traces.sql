-- The open spans of removed traces. Locked in the order of the keys, as writers do: see
-- writer/close_spans.sql.
DELETE FROM open_spans AS o
USING (
    SELECT locked.trace_id, locked.span_id
    FROM open_spans AS locked
    WHERE locked.tenant_id = $1 AND locked.trace_id = ANY ($2)
    ORDER BY locked.tenant_id, locked.trace_id, locked.span_id
    FOR UPDATE
) AS gone
WHERE o.tenant_id = $1 AND o.trace_id = gone.trace_id AND o.span_id = gone.span_id
