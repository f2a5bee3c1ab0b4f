-- Returns spans by position, with trace ID, span ID and name. $1: tenant. The other parameters have
-- one element per span: $2 level, $3 day, $4 class, $5 block, $6 position from 1, $7 trace.
SELECT place.trace_id, span.span_id AS matched_span_id, operation.name AS matched_name
FROM unnest(
    $2::smallint[], $3::integer[], $4::smallint[], $5::bigint[], $6::integer[], $7::uuid[]
) AS place (level, day, class, block_id, at, trace_id)
CROSS JOIN LATERAL (
    SELECT b.span_ids[place.at] AS span_id, b.operations[b.operation_indexes[place.at] + 1] AS operation_id
    FROM level0_blocks AS b
    WHERE place.level = 0 AND b.tenant_id = $1 AND b.bucket = 0 AND b.id = place.block_id
    UNION ALL
    SELECT b.span_ids[place.at], b.operations[b.operation_indexes[place.at] + 1]
    FROM level1_blocks AS b
    WHERE place.level = 1 AND b.received_day = place.day AND b.class = place.class
        AND b.tenant_id = $1 AND b.bucket = 0 AND b.id = place.block_id
) AS span
LEFT JOIN operations AS operation
    ON operation.tenant_id = $1 AND operation.id = span.operation_id
