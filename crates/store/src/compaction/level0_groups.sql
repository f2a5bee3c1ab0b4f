-- Postgres knows the length of `columns` without reading it, because it is stored uncompressed.
SELECT
    tenant_id, bucket, received_day,
    count(*) AS block_count,
    sum(span_count)::bigint AS span_count,
    sum(octet_length(columns))::bigint AS byte_count,
    min(written_at) < now() - interval '10 minutes' AS is_old
FROM level0_blocks
WHERE id <= $2 AND id <> ALL ($1)
GROUP BY tenant_id, bucket, received_day
ORDER BY min(id)
