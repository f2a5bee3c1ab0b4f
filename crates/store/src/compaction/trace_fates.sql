-- A warning outside of the given time only costs that its trace is copied when its partition goes.
SELECT
    t.trace_id, t.first_block_id,
    t.error_count > 0 OR warned.trace_id IS NOT NULL AS is_bad
FROM traces AS t
LEFT JOIN (
    SELECT DISTINCT trace_id
    FROM events
    WHERE tenant_id = $1 AND severity >= 13 AND trace_id = ANY ($2)
        AND at_ns >= $3 AND at_ns < $4
) AS warned USING (trace_id)
WHERE t.tenant_id = $1 AND t.trace_id = ANY ($2)
