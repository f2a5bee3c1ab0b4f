-- Returns the part of each block that belongs to trace $2. $1: tenant. $3: first block. $4, $5:
-- range of the span starts. $6: true to return the columns. $7: if not NULL, returns only parts
-- that contain this span ID.
-- The conditions on arrays come last, because they must read an array.
-- OFFSET 0 stops the planner from copying a subquery into each expression that uses its result.
-- With copies, the database would read and search the trace IDs again for each expression.
SELECT
    b.id, b.received_day, b.class, b.span_count, b.first_start_ns, b.last_start_ns, b.last_end_ns,
    b.first_trace_id, b.last_trace_id, b.max_duration_ns, b.has_error, b.has_payloads, b.resources,
    b.scopes,
    slice.first - 1 AS first_span,
    ARRAY[$2] AS trace_ids,
    ARRAY[slice.last - slice.first + 1] AS trace_ends,
    b.trace_starts_ns[place.number:place.number] AS trace_starts_ns,
    b.trace_checksums[place.number:place.number] AS trace_checksums,
    b.operations, b.services, b.outside_parents,
    b.span_ids[slice.first:slice.last] AS span_ids,
    b.parents[slice.first:slice.last] AS parents,
    b.start_offsets[slice.first:slice.last] AS start_offsets,
    b.long_start_offsets[slice.first:slice.last] AS long_start_offsets,
    b.durations[slice.first:slice.last] AS durations,
    b.long_durations[slice.first:slice.last] AS long_durations,
    b.operation_indexes[slice.first:slice.last] AS operation_indexes,
    b.statuses[slice.first:slice.last] AS statuses,
    b.flags[slice.first:slice.last] AS flags,
    ARRAY(
        SELECT at - slice.first + 1
        FROM unnest(b.message_spans) WITH ORDINALITY AS message (at, place)
        WHERE at BETWEEN slice.first - 1 AND slice.last - 1
        ORDER BY place
    ) AS message_spans,
    ARRAY(
        SELECT text
        FROM unnest(b.message_spans, b.messages) WITH ORDINALITY AS message (at, text, place)
        WHERE at BETWEEN slice.first - 1 AND slice.last - 1
        ORDER BY place
    ) AS messages,
    b.checksums, b.directory,
    CASE WHEN $6 THEN b.columns ELSE ''::bytea END AS columns
FROM (
    SELECT
            id, received_day, NULL::smallint AS class, span_count, first_start_ns, last_start_ns,
            last_end_ns, first_trace_id, last_trace_id, max_duration_ns, has_error, has_payloads,
            resources, scopes, trace_ids,
            trace_ends, trace_starts_ns, trace_checksums, operations, services, span_ids, parents,
            outside_parents, start_offsets, long_start_offsets, durations, long_durations,
            operation_indexes, statuses, flags, message_spans, messages, checksums, directory,
            columns
    FROM level0_blocks
    WHERE tenant_id = $1 AND bucket = 0 AND id >= $3
            AND first_start_ns <= $5 AND last_start_ns >= $4
            AND $2 BETWEEN first_trace_id AND last_trace_id
    UNION ALL
    SELECT
            id, received_day, class, span_count, first_start_ns, last_start_ns,
            last_end_ns, first_trace_id, last_trace_id, max_duration_ns, has_error, has_payloads,
            resources, scopes, trace_ids,
            trace_ends, trace_starts_ns, trace_checksums, operations, services, span_ids, parents,
            outside_parents, start_offsets, long_start_offsets, durations, long_durations,
            operation_indexes, statuses, flags, message_spans, messages, checksums, directory,
            columns
    FROM level1_blocks
    WHERE tenant_id = $1 AND bucket = 0 AND id >= $3
            AND first_start_ns <= $5 AND last_start_ns >= $4
            AND $2 BETWEEN first_trace_id AND last_trace_id
) AS b
CROSS JOIN LATERAL (SELECT array_position(b.trace_ids, $2) AS number OFFSET 0) AS place
CROSS JOIN LATERAL (
    SELECT
        coalesce(b.trace_ends[place.number - 1], 0) + 1 AS first,
        b.trace_ends[place.number] AS last
    OFFSET 0
) AS slice
WHERE place.number IS NOT NULL
    AND ($7::bigint IS NULL OR $7 = ANY (b.span_ids[slice.first:slice.last]))
ORDER BY b.id
