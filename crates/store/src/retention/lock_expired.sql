-- Locks rows in the order of their keys, as writers do: see writer/lock_traces.sql.
SELECT
FROM traces AS t
WHERE t.tenant_id = $1 AND t.trace_id = ANY ($2)
ORDER BY t.tenant_id, t.trace_id
FOR UPDATE
