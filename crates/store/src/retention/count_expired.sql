-- The condition is that of remove_traces.sql.
SELECT is_bad, count(*) AS trace_count, coalesce(sum(span_count), 0)::bigint AS span_count
FROM (
    SELECT
        greatest(t.end_ns, t.received_ns) AS age_ns, t.span_count,
        t.has_error OR EXISTS (
            SELECT FROM events AS e
            WHERE e.tenant_id = t.tenant_id AND e.trace_id = t.trace_id AND e.severity >= 13
        ) AS is_bad
    FROM traces AS t
    WHERE t.tenant_id = $1 AND t.start_ns < greatest($2, $3)
        AND NOT EXISTS (
            SELECT FROM pins WHERE pins.tenant_id = t.tenant_id AND pins.trace_id = t.trace_id
        )
) AS t
WHERE age_ns < CASE WHEN is_bad THEN $3 ELSE $2 END
GROUP BY is_bad
