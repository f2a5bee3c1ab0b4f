-- Removes those of some traces that are past their time. The rows are locked: a trace that a late span
-- changed before is judged again and may stay. Days are counted from the last one of the archive, which
-- stands for all of it. What writers lock after the rows of traces is locked here in their order:
-- refused spans, then open spans, each by its key.
WITH gone AS (
    DELETE FROM traces AS t
    USING (
        SELECT
            t.trace_id, greatest(t.end_ns, t.received_ns) AS age_ns,
            t.has_error OR EXISTS (
                SELECT FROM events AS e
                WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
            ) AS is_bad
        FROM traces AS t
        WHERE t.tenant_id = $1 AND t.trace_id = ANY ($4)
            AND NOT EXISTS (
                SELECT FROM pins WHERE pins.tenant_id = $1 AND pins.trace_id = t.trace_id
            )
    ) AS p
    WHERE t.tenant_id = $1 AND t.trace_id = p.trace_id
        AND p.age_ns < CASE WHEN p.is_bad THEN $3 ELSE $2 END
    RETURNING t.trace_id, t.start_ns, t.end_ns, t.span_count, p.is_bad
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
    coalesce(array_agg(trace_id), '{}') AS trace_ids,
    count(*) FILTER (WHERE NOT is_bad) AS ok_traces,
    coalesce(sum(span_count) FILTER (WHERE NOT is_bad), 0)::bigint AS ok_spans,
    count(*) FILTER (WHERE is_bad) AS error_traces,
    coalesce(sum(span_count) FILTER (WHERE is_bad), 0)::bigint AS error_spans
FROM gone
