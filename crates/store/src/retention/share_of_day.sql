-- Spans of the traces that touch a day: those that go, and those that stay. The condition is that
-- of remove_traces.sql; traces of other tenants stay.
SELECT
    coalesce(sum(span_count) FILTER (WHERE is_gone), 0)::bigint AS gone,
    coalesce(sum(span_count) FILTER (WHERE NOT is_gone), 0)::bigint AS kept
FROM (
    SELECT
        t.span_count,
        t.tenant_id = ANY ($1)
        AND NOT EXISTS (
            SELECT FROM pins WHERE pins.tenant_id = t.tenant_id AND pins.trace_id = t.trace_id
        )
        AND greatest(t.end_ns, t.received_ns) < CASE
            WHEN t.has_error OR EXISTS (
                SELECT FROM events AS e
                WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
            ) THEN $3
            ELSE $2
        END AS is_gone
    FROM traces AS t
    WHERE t.start_ns < $5 AND t.end_ns >= $4
) AS t
