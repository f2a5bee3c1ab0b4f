-- Costs of ingest that buy nothing.

-- Spans are found by trace, with the one index there is. With the default of 100 an ANALYZE samples
-- 30,000 rows, reads and sorts their attributes, and costs as much as 40,000 spans do; it comes
-- every few seconds while a day's partition is small.
CREATE FUNCTION sample_spans_lightly(partition text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (
        SELECT format(
            'ALTER TABLE %I %s',
            partition,
            string_agg(
                format(
                    'ALTER COLUMN %I SET STATISTICS %s',
                    attname, CASE atttypid WHEN 'bytea'::regtype THEN 0 ELSE 10 END
                ),
                ', '
            )
        )
        FROM pg_attribute
        WHERE attrelid = partition::regclass AND attnum > 0 AND NOT attisdropped
    );
END
$$;

-- Makes the partitions of the UTC day that begins at `day_start_ns`, unless they are there; true
-- when this call made one. Attaching a table takes a lock that lets readers and writers go on,
-- which CREATE TABLE ... PARTITION OF does not. Servers that want the same day wait for each
-- other.
CREATE OR REPLACE FUNCTION ensure_day_partitions(day_start_ns bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    day_ns CONSTANT bigint := 86400000000000;
    day text := to_char(to_timestamp(day_start_ns / 1000000000) AT TIME ZONE 'UTC', 'YYYYMMDD');
    parent text;
    made boolean := false;
BEGIN
    IF day_start_ns % day_ns <> 0 THEN
        RAISE EXCEPTION '% is not the start of a day', day_start_ns;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('throughline.span_partitions', 0));
    FOREACH parent IN ARRAY ARRAY['spans', 'events', 'aliases', 'payloads'] LOOP
        -- Asked of the catalogue's table, after the lock: to_regclass() may answer from a cache
        -- that has not heard of another server's commit.
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_class
            WHERE relname = parent || '_' || day
                AND relnamespace = (
                    SELECT relnamespace FROM pg_class WHERE oid = parent::regclass
                )
        );
        EXECUTE format(
            'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)',
            parent || '_' || day, parent
        );
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
            parent, parent || '_' || day, day_start_ns, day_start_ns + day_ns
        );
        IF parent = 'spans' THEN
            PERFORM sample_spans_lightly(parent || '_' || day);
        END IF;
        made := true;
    END LOOP;
    RETURN made;
END
$$;

SELECT sample_spans_lightly(inhrelid::regclass::text)
FROM pg_inherits
WHERE inhparent = 'spans'::regclass;
