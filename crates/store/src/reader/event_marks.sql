-- The events of some spans, unless they are large: what a mark needs is their times and names.
SELECT span_id, start_ns, events
FROM spans
WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4 AND span_id = ANY($5)
    AND pg_column_size(events) <= $6
