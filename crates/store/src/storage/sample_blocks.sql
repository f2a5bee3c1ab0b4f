-- Returns random blocks of a tenant. SYSTEM samples whole pages, so it reads few pages of a large
-- table. The large columns of a block are stored outside these pages and are read only for the
-- chosen blocks.
SELECT received_day, class, bucket, id, span_count
FROM (
    SELECT received_day, NULL::smallint AS class, bucket, id, span_count
    FROM level0_blocks TABLESAMPLE SYSTEM ($2)
    WHERE tenant_id = $1
    UNION ALL
    SELECT received_day, class, bucket, id, span_count
    FROM level1_blocks TABLESAMPLE SYSTEM ($3)
    WHERE tenant_id = $1
) AS block
ORDER BY random()
LIMIT $4
