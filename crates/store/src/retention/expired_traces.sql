-- One page of the directory in the order of the starts, from where the last one ended: where it ends,
-- and which of its traces are past their time. A trace is as old as what is later, its end or when it
-- was received. The condition is that of remove_traces.sql.
SELECT
    (array_agg(start_ns ORDER BY start_ns DESC, trace_id DESC))[1] AS last_start_ns,
    (array_agg(trace_id ORDER BY start_ns DESC, trace_id DESC))[1] AS last_trace_id,
    coalesce(
        array_agg(trace_id) FILTER (
            WHERE NOT is_pinned AND age_ns < CASE WHEN is_bad THEN $3 ELSE $2 END
        ),
        '{}'
    ) AS expired
FROM (
    SELECT
        t.trace_id, t.start_ns, greatest(t.end_ns, t.received_ns) AS age_ns,
        t.has_error OR EXISTS (
            SELECT FROM events AS e
            WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
        ) AS is_bad,
        EXISTS (
            SELECT FROM pins WHERE pins.tenant_id = t.tenant_id AND pins.trace_id = t.trace_id
        ) AS is_pinned
    FROM traces AS t
    WHERE t.tenant_id = $1 AND t.start_ns < greatest($2, $3)
        AND (t.start_ns, t.trace_id) > ($4, $5)
    ORDER BY t.start_ns, t.trace_id
    LIMIT $6
) AS page
