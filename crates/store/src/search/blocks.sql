-- Returns the newest $4 blocks of both levels, by last start, with their prune data. $1: tenant.
-- $2, $3: range of the last start, inclusive. $5 to $7: true to read operations, resources and
-- scopes. $8: factors that select the buckets of each filter. $9: maximum of the first start.
SELECT
    b.level, b.id, b.received_day, b.class, b.span_count, b.first_start_ns, b.last_start_ns,
    b.last_end_ns, b.first_trace_id, b.last_trace_id, b.max_duration_ns, b.has_error, b.has_payloads,
    '{}'::bigint[] AS resources, '{}'::bigint[] AS scopes,
    CASE WHEN $5 THEN b.operations END AS operations,
    CASE WHEN $6 THEN b.resources END AS listed_resources,
    CASE WHEN $7 THEN b.scopes END AS listed_scopes,
    b.checksums[1:4] AS checksums,
    CASE
        WHEN b.filter IS NOT NULL THEN ARRAY(
            SELECT substr(
                b.filter,
                ((probe.factor * (octet_length(b.filter) / 32)) >> 32)::integer * 32 + 1,
                32
            )
            FROM unnest($8::bigint[]) WITH ORDINALITY AS probe (factor, place)
            ORDER BY probe.place
        )
    END AS buckets
FROM (
    SELECT *
    FROM (
        SELECT
            0::smallint AS level, id, received_day, 0::smallint AS class, span_count,
            first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
            max_duration_ns, has_error, has_payloads, operations, resources, scopes, checksums, filter
        FROM level0_blocks
        WHERE tenant_id = $1 AND bucket = 0 AND last_start_ns BETWEEN $2 AND $3
            AND first_start_ns <= $9
        UNION ALL
        SELECT
            1::smallint, id, received_day, class, span_count,
            first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id,
            max_duration_ns, has_error, has_payloads, operations, resources, scopes, checksums, filter
        FROM level1_blocks
        WHERE tenant_id = $1 AND bucket = 0 AND last_start_ns BETWEEN $2 AND $3
            AND first_start_ns <= $9
    ) AS b
    ORDER BY last_start_ns DESC
    FETCH FIRST ($4) ROWS WITH TIES
) AS b
