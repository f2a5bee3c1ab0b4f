SELECT
    c.relname::text AS name,
    parent.relname::text AS parent,
    c.relkind = 'p' AS is_parent,
    pg_relation_size(c.oid) AS heap_bytes,
    pg_indexes_size(c.oid) AS index_bytes,
    coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast_bytes,
    -- The catalogue has -1 before the first ANALYZE.
    greatest(c.reltuples, 0)::bigint AS row_estimate
FROM pg_class AS c
LEFT JOIN pg_inherits ON inhrelid = c.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE c.relkind IN ('r', 'p')
    AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'traces'::regclass)
