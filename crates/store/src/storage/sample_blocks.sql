-- Some blocks of a tenant, by chance. SYSTEM takes whole pages, so that a sample of a large table
-- reads few of them; the rest of a block lies elsewhere and is read of the chosen ones alone.
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
