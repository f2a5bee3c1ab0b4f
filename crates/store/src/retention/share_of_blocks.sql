-- Spans by the day on which their trace was received first, and by whether it has an error or a
-- warning: those that go, and those that stay. The condition is that of remove_traces.sql; traces of
-- other tenants stay.
SELECT
    day,
    is_bad,
    coalesce(sum(span_count) FILTER (WHERE is_gone), 0)::bigint AS gone,
    coalesce(sum(span_count) FILTER (WHERE NOT is_gone), 0)::bigint AS kept
FROM (
    SELECT
        t.span_count, t.day, t.is_bad,
        t.tenant_id = ANY ($1)
        AND NOT EXISTS (
            SELECT FROM pins WHERE pins.tenant_id = t.tenant_id AND pins.trace_id = t.trace_id
        )
        AND t.age_ns < CASE WHEN t.is_bad THEN $3 ELSE $2 END AS is_gone
    FROM (
        SELECT
            t.tenant_id, t.trace_id, t.span_count,
            greatest(t.end_ns, t.received_ns) AS age_ns,
            t.received_ns / 86400000000000 AS day,
            t.has_error OR EXISTS (
                SELECT FROM events AS e
                WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
            ) AS is_bad
        FROM traces AS t
    ) AS t
) AS t
GROUP BY day, is_bad
