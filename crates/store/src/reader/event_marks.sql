-- The events of some spans, unless they are large, until they are many bytes together: what a mark
-- needs is their times and names. The lengths are those of the values as they were before Postgres
-- compressed them, and are read without them.
SELECT span_id, start_ns, events
FROM (
    SELECT
        span_id, start_ns, events,
        sum(octet_length(events)) OVER (ORDER BY start_ns, span_id, digest) AS bytes_so_far
    FROM spans
    WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4 AND span_id = ANY($5)
        AND octet_length(events) <= $6
) AS eventful
WHERE bytes_so_far <= $7
