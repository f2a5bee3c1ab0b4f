-- The tables of the schema that hold rows: ordinary ones and partitioned ones, each with the
-- statements that copy it. A table whose name continues that of a partitioned one is a partition in
-- the making.
SELECT
    table_.relname::text,
    format('%I.%I', schema.nspname, table_.relname),
    columns.names,
    format('COPY (SELECT %s FROM %I.%I) TO STDOUT (FORMAT binary)', columns.list, schema.nspname, table_.relname),
    format('COPY %I.%I (%s) FROM STDIN (FORMAT binary)', schema.nspname, table_.relname, columns.list),
    coalesce(keys.types, '{}'),
    format('SELECT DISTINCT ARRAY[%s] FROM %I.%I', keys.expressions, schema.nspname, table_.relname)
FROM pg_class AS table_
JOIN pg_namespace AS schema ON schema.oid = table_.relnamespace
CROSS JOIN LATERAL (
    SELECT
        array_agg(attname::text ORDER BY attnum) AS names,
        string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS list
    FROM pg_attribute
    WHERE attrelid = table_.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
) AS columns
CROSS JOIN LATERAL (
    SELECT
        array_agg(format_type(atttypid, NULL) ORDER BY place) AS types,
        string_agg(
            CASE format_type(atttypid, NULL)
                -- An instant: its day; of what lies before 1970 the first one.
                WHEN 'bigint'
                    THEN format('greatest(%I, 0) / 86400000000000 * 86400000000000', attname)
                ELSE format('%I::bigint', attname)
            END,
            ', ' ORDER BY place
        ) AS expressions
    FROM pg_partitioned_table
    CROSS JOIN LATERAL unnest(partattrs::smallint[]) WITH ORDINALITY AS key (number, place)
    JOIN pg_attribute ON attrelid = partrelid AND attnum = key.number
    WHERE partrelid = table_.oid
) AS keys
WHERE schema.nspname = current_schema()
    AND table_.relkind IN ('r', 'p')
    AND NOT table_.relispartition
    AND table_.relname <> '_sqlx_migrations'
    AND NOT EXISTS (
        SELECT FROM pg_class AS root
        WHERE root.relnamespace = table_.relnamespace AND root.relkind = 'p'
            AND starts_with(table_.relname, root.relname || '_')
    )
ORDER BY table_.relname
