-- Some tables, with the size of their data (rows and long values), of all with indexes, and the number
-- of their removed rows before a VACUUM. row_bytes is an expression of the stored bytes of a row `t`.
SELECT
    c.relname::text AS name,
    pg_relation_size(c.oid) AS heap_bytes,
    pg_total_relation_size(c.oid) - pg_indexes_size(c.oid) AS data_bytes,
    pg_total_relation_size(c.oid) AS total_bytes,
    coalesce(
        (
            SELECT option_value::float8 / 100
            FROM pg_options_to_table(c.reloptions)
            WHERE option_name = 'fillfactor'
        ),
        1
    ) AS fill,
    coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows,
    (
        SELECT string_agg(format('coalesce(pg_column_size(t.%I), 0)', attname), ' + ')
        FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    ) AS row_bytes
FROM pg_class AS c
WHERE c.relname = ANY ($1) AND c.relkind = 'r'
    AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'traces'::regclass)
