-- What was refused of removed traces. Locked in the order of the keys, as writers do.
DELETE FROM refused_spans AS r
USING (
    SELECT locked.trace_id
    FROM refused_spans AS locked
    WHERE locked.tenant_id = $1 AND locked.trace_id = ANY ($2)
    ORDER BY locked.tenant_id, locked.trace_id
    FOR UPDATE
) AS gone
WHERE r.tenant_id = $1 AND r.trace_id = gone.trace_id
