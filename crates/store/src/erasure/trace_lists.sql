-- The traces of some blocks of one table, with their checksums. $4 and $5: the partition of level
-- 1, NULL for level 0. The list of a block is left out when none of the traces from $6 to $7 lies
-- in the range of the block.
SELECT
    b.id, b.span_count, b.first_start_ns, b.last_start_ns, b.last_end_ns, b.first_trace_id,
    b.last_trace_id, b.max_duration_ns, b.has_error, b.has_payloads,
    '{}'::bigint[] AS resources, '{}'::bigint[] AS scopes, b.checksums,
    CASE WHEN b.first_trace_id <= $7 AND b.last_trace_id >= $6 THEN b.trace_ids END AS trace_ids,
    CASE WHEN b.first_trace_id <= $7 AND b.last_trace_id >= $6 THEN b.trace_ends END AS trace_ends
FROM (
    SELECT
        id, span_count, first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
        max_duration_ns, has_error, has_payloads, checksums, trace_ids, trace_ends
    FROM level0_blocks
    WHERE $4::integer IS NULL AND tenant_id = $1 AND bucket = $2 AND id = ANY ($3)
    UNION ALL
    SELECT
        id, span_count, first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
        max_duration_ns, has_error, has_payloads, checksums, trace_ids, trace_ends
    FROM level1_blocks
    WHERE received_day = $4 AND class = $5::smallint AND tenant_id = $1 AND bucket = $2
        AND id = ANY ($3)
) AS b
ORDER BY b.id
