-- The blocks of a tenant that hold one of some traces ($2), apart from those that were looked at ($4).
-- $5 and $6 are the least and the greatest of the traces.
SELECT NULL::integer AS received_day, NULL::smallint AS class, id
FROM level0_blocks
WHERE tenant_id = $1 AND bucket = $7 AND id < $3 AND id <> ALL ($4)
    AND first_trace_id <= $6 AND last_trace_id >= $5 AND trace_ids && $2
UNION ALL
SELECT received_day, class, id
FROM level1_blocks
WHERE tenant_id = $1 AND bucket = $7 AND id < $3 AND id <> ALL ($4)
    AND first_trace_id <= $6 AND last_trace_id >= $5 AND trace_ids && $2
ORDER BY received_day, class, id
