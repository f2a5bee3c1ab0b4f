-- What the spans of level 0 count, and where in time each block lies. $1 tenant; blocks with spans
-- that begin in $2..$3, of the operations $4 or, when that is NULL, of all.
SELECT
    id, span_count, first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
    max_duration_ns, has_error, has_payloads,
    '{}'::bigint[] AS resources, '{}'::bigint[] AS scopes,
    trace_ends, trace_starts_ns, operations, operation_indexes, statuses,
    start_offsets, long_start_offsets, durations, long_durations
FROM level0_blocks
WHERE tenant_id = $1 AND bucket = 0 AND last_start_ns >= $2 AND first_start_ns < $3
    AND ($4::bigint[] IS NULL OR operations && $4)
