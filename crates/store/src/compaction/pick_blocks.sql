-- The oldest blocks of a group within the limits of a step, at least one.
SELECT id
FROM (
    SELECT
        id,
        row_number() OVER up_to_this AS place,
        sum(span_count) OVER up_to_this AS span_count,
        sum(octet_length(columns)) OVER up_to_this AS byte_count
    FROM level0_blocks
    WHERE tenant_id = $1 AND bucket = $2 AND received_day = $3
        AND id <> ALL ($4) AND id <= $5
    WINDOW up_to_this AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
) AS block
WHERE place = 1 OR (span_count <= $6 AND byte_count <= $7)
ORDER BY id
