-- Returns parts of the columns of blocks. The database cuts each part out of its value. $1: tenant.
-- The other parameters have one element per part: $2 level, $3 day, $4 class, $5 block, $6 offset,
-- $7 length.
SELECT part.place, cut.bytes
FROM unnest($2::smallint[], $3::integer[], $4::smallint[], $5::bigint[], $6::integer[], $7::integer[])
    WITH ORDINALITY AS part (level, day, class, id, start, len, place)
CROSS JOIN LATERAL (
    SELECT substr(b.columns, part.start + 1, part.len) AS bytes
    FROM level0_blocks AS b
    WHERE part.level = 0 AND b.tenant_id = $1 AND b.bucket = 0 AND b.id = part.id
    UNION ALL
    SELECT substr(b.columns, part.start + 1, part.len)
    FROM level1_blocks AS b
    WHERE part.level = 1 AND b.received_day = part.day AND b.class = part.class
        AND b.tenant_id = $1 AND b.bucket = 0 AND b.id = part.id
) AS cut
