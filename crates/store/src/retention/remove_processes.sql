-- A pinned trace keeps the processes of its time: they tell whether it is complete. The count is
-- that of processes. Those that a commit has locked just now are left to the next run.
WITH gone AS (
    DELETE FROM processes
    WHERE ctid = ANY (ARRAY(
        SELECT p.ctid
        FROM processes AS p
        WHERE p.last_seen_ns < $1
            AND NOT EXISTS (
                SELECT
                FROM pins
                JOIN traces AS t USING (tenant_id, trace_id)
                WHERE pins.tenant_id = p.tenant_id
                    AND t.start_ns <= p.last_seen_ns AND t.end_ns >= p.first_seen_ns
            )
        LIMIT $2
        FOR UPDATE OF p SKIP LOCKED
    ))
    RETURNING tenant_id, id
),
drops AS (
    DELETE FROM process_drops AS d
    USING gone
    WHERE d.tenant_id = gone.tenant_id AND d.process_id = gone.id
)
SELECT FROM gone
