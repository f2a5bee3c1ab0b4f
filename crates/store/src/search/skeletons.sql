-- Returns the parts of blocks that a search reads before it knows the columns that it needs. $1:
-- tenant. $2: blocks of level 0. $3, $4, $5: days, classes and IDs of blocks of level 1. $6 to $10:
-- true to read operations, statuses, messages, durations and span IDs. $11: true if the search may
-- read columns.
SELECT
    b.id, b.trace_ids, b.trace_ends, b.checksums,
    CASE WHEN $6 THEN b.operations END AS operations,
    CASE WHEN $6 THEN b.operation_indexes END AS operation_indexes,
    CASE WHEN $7 THEN b.statuses END AS statuses,
    CASE WHEN $8 THEN b.message_spans END AS message_spans,
    CASE WHEN $8 THEN b.messages END AS messages,
    CASE WHEN $9 THEN b.durations END AS durations,
    CASE WHEN $9 THEN b.long_durations END AS long_durations,
    CASE WHEN $10 THEN b.span_ids END AS span_ids,
    CASE WHEN $11 THEN b.resources END AS resources,
    CASE WHEN $11 THEN b.scopes END AS scopes,
    CASE WHEN $11 THEN b.directory END AS directory
FROM (
    SELECT
        id, trace_ids, trace_ends, checksums, operations, resources, scopes, operation_indexes, statuses, message_spans, messages, durations,
        long_durations, span_ids, directory
    FROM level0_blocks
    WHERE tenant_id = $1 AND bucket = 0 AND id = ANY($2::bigint[])
    UNION ALL
    SELECT
        id, trace_ids, trace_ends, checksums, operations, resources, scopes, operation_indexes, statuses, message_spans, messages, durations,
        long_durations, span_ids, directory
    FROM level1_blocks
    WHERE received_day = ANY($3::integer[]) AND class = ANY($4::smallint[])
        AND tenant_id = $1 AND bucket = 0 AND id = ANY($5::bigint[])
) AS b
