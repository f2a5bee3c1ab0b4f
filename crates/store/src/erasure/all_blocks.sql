-- The keys of the blocks of a tenant before block $2. Reads no out-of-line data, so a damaged block
-- does not make it fail.
SELECT NULL::integer AS received_day, NULL::smallint AS class, id
FROM level0_blocks
WHERE tenant_id = $1 AND bucket = $3 AND id < $2
UNION ALL
SELECT received_day, class, id
FROM level1_blocks
WHERE tenant_id = $1 AND bucket = $3 AND id < $2
ORDER BY received_day, class, id
