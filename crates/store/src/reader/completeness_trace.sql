-- Returns the completeness data of a trace as a whole: the number of spans rejected over the span
-- limit, and the time before which its rows were removed because disk space was low. Covers
-- removals that are not yet repaired.
SELECT
    coalesce((
        SELECT r.span_count
        FROM refused_spans AS r
        WHERE r.tenant_id = t.tenant_id AND r.trace_id = t.trace_id
    ), 0) AS refused_count,
    greatest(t.pruned_before_ns, CASE
        WHEN t.received_ns < state.pruned_before_ns
            AND NOT EXISTS (
                SELECT FROM pins AS p
                WHERE p.tenant_id = t.tenant_id AND p.trace_id = t.trace_id
            )
            THEN state.pruned_before_ns
    END) AS pruned_before_ns
FROM traces AS t
CROSS JOIN retention_state AS state
WHERE t.tenant_id = $1 AND t.trace_id = $2
