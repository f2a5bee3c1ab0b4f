-- Returns the arrays of the blocks of level 0 that rollups count, with their prune data. $1:
-- tenant. $2, $3: range of the span starts. The reader filters the operations, because the overlap
-- operator compares each element of one array with each element of the other.
SELECT
    id, span_count, first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
    max_duration_ns, has_error, has_payloads,
    '{}'::bigint[] AS resources, '{}'::bigint[] AS scopes,
    checksums, trace_ids, trace_ends, trace_starts_ns, operations, operation_indexes, statuses,
    start_offsets, long_start_offsets, durations, long_durations
FROM level0_blocks
WHERE tenant_id = $1 AND bucket = 0 AND last_start_ns >= $2 AND first_start_ns < $3
