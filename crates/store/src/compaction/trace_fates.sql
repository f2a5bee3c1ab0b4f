-- Selects those of the traces ($2) of a tenant that have a row, each with its first block and
-- whether it has an error or a warning. A warning outside of the given time range is missed; that
-- only costs a copy of its trace when its partition is removed. OFFSET 0 makes Postgres look up
-- each trace and its warnings by key. A plan without statistics would read all traces of the tenant
-- and all events of the time range.
SELECT
    wanted.trace_id, t.first_block_id,
    t.error_count > 0 OR EXISTS (
        SELECT
        FROM events AS e
        WHERE e.tenant_id = $1 AND e.trace_id = wanted.trace_id AND e.severity >= 13
            AND e.at_ns >= $3 AND e.at_ns < $4
        OFFSET 0
    ) AS is_bad
FROM unnest($2::uuid[]) AS wanted (trace_id)
CROSS JOIN LATERAL (
    SELECT t.first_block_id, t.error_count
    FROM traces AS t
    WHERE t.tenant_id = $1 AND t.trace_id = wanted.trace_id
    OFFSET 0
) AS t
