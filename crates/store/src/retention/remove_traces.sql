-- One batch in the order of their starts, from where the last one ended. A trace that a late span
-- changes meanwhile stays: the DELETE compares its end and its counts again. Days are counted from
-- the last one of the archive, which stands for all of it. A trace is as old as what is later, its
-- end or when it was received.
WITH page AS (
    SELECT
        t.trace_id, t.start_ns, t.end_ns, t.span_count, t.error_count,
        greatest(t.end_ns, t.received_ns) AS age_ns,
        t.has_error OR EXISTS (
            SELECT FROM events AS e
            WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
        ) AS is_bad
    FROM traces AS t
    WHERE t.tenant_id = $1 AND t.start_ns < greatest($2, $3)
        AND (t.start_ns, t.trace_id) > ($4, $5)
    ORDER BY t.start_ns, t.trace_id
    LIMIT $6
),
gone AS (
    DELETE FROM traces AS t
    USING page AS p
    WHERE t.tenant_id = $1 AND t.trace_id = p.trace_id
        AND t.end_ns = p.end_ns
        AND t.span_count = p.span_count AND t.error_count = p.error_count
        AND p.age_ns < CASE WHEN p.is_bad THEN $3 ELSE $2 END
        AND NOT EXISTS (
            SELECT FROM pins WHERE pins.tenant_id = $1 AND pins.trace_id = p.trace_id
        )
    RETURNING t.trace_id, t.start_ns, t.end_ns, t.span_count, p.is_bad
),
open AS (
    DELETE FROM open_spans AS o USING gone
    WHERE o.tenant_id = $1 AND o.trace_id = gone.trace_id
),
refused AS (
    DELETE FROM refused_spans AS r USING gone
    WHERE r.tenant_id = $1 AND r.trace_id = gone.trace_id
),
due AS (
    INSERT INTO retention_days (day_ns, is_due)
    SELECT DISTINCT day_ns, true
    FROM gone
    CROSS JOIN day_archive
    CROSS JOIN LATERAL generate_series(
        greatest(gone.start_ns, boundary_ns - 86400000000000) / 86400000000000 * 86400000000000,
        greatest(gone.end_ns, boundary_ns - 86400000000000),
        86400000000000
    ) AS day_ns
    ON CONFLICT (day_ns) DO UPDATE SET is_due = true
)
SELECT
    (SELECT start_ns FROM page ORDER BY start_ns DESC, trace_id DESC LIMIT 1) AS last_start_ns,
    (SELECT trace_id FROM page ORDER BY start_ns DESC, trace_id DESC LIMIT 1) AS last_trace_id,
    count(*) FILTER (WHERE NOT is_bad) AS ok_traces,
    coalesce(sum(span_count) FILTER (WHERE NOT is_bad), 0)::bigint AS ok_spans,
    count(*) FILTER (WHERE is_bad) AS error_traces,
    coalesce(sum(span_count) FILTER (WHERE is_bad), 0)::bigint AS error_spans
FROM gone
