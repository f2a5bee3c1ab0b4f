-- By ctid, because the table has no key; nobody else deletes or updates its rows meanwhile.
DELETE FROM rollup_deltas
WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollup_deltas LIMIT $1))
RETURNING tenant_id, operation_id, start_ns, span_count, error_count, max_ns, sketch
