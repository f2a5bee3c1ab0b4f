-- Parts of the columns of a block, in the order asked for: $3 where they begin, from 1, $4 their
-- lengths.
SELECT substr(b.columns, part.begins, part.length)
FROM unnest($3::integer[], $4::integer[]) WITH ORDINALITY AS part (begins, length, place)
CROSS JOIN LATERAL (
    SELECT columns FROM level0_blocks WHERE tenant_id = $1 AND bucket = 0 AND id = $2
    UNION ALL
    SELECT columns FROM level1_blocks WHERE tenant_id = $1 AND bucket = 0 AND id = $2
) AS b
ORDER BY part.place
