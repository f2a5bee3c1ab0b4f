-- Returns parts of the columns of a block, in the requested order. $1: tenant. $2: block. $3: its
-- day. $4: its class, NULL for level 0. $5: offsets, from 1. $6: lengths.
WITH block AS MATERIALIZED (
    SELECT columns
    FROM level0_blocks
    WHERE $4::smallint IS NULL AND tenant_id = $1 AND bucket = 0 AND id = $2
    UNION ALL
    SELECT columns
    FROM level1_blocks
    WHERE received_day = $3 AND class = $4 AND tenant_id = $1 AND bucket = 0 AND id = $2
)

SELECT substr(block.columns, part.start, part.len)
FROM unnest($5::integer[], $6::integer[]) WITH ORDINALITY AS part (start, len, place)
CROSS JOIN block
ORDER BY part.place
