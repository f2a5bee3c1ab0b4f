-- What ingest keeps besides ended spans: payloads, aliases, events, processes and open spans; and
-- one set of day partitions for everything that has an instant.

ALTER TABLE spans
    -- Which process made the span, and its number among the spans that the process started; NULL
    -- for senders that do not number.
    ADD COLUMN process_id bigint,
    ADD COLUMN sequence bigint,
    -- Server time minus sender time as the sender measured it, and half the width of the interval
    -- it lies in. Instants are stored as sent.
    ADD COLUMN clock_offset_ns bigint,
    ADD COLUMN clock_error_ns bigint,
    -- Bytes of values that ingest cut off.
    ADD COLUMN cut_bytes bigint,
    -- Where values stood that are kept in `payloads`, and their hashes.
    ADD COLUMN payloads bytea;

-- What failed first, for lists: the message of the failed span of the least (rank, message).
ALTER TABLE traces
    ADD COLUMN error_rank bigint,
    ADD COLUMN error_message text COLLATE "C";

-- Large values, once a day and tenant, by a hash of their bytes; zstd.
CREATE TABLE payloads (
    tenant_id uuid NOT NULL,
    hash uuid NOT NULL,
    day_ns bigint NOT NULL,
    byte_count bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, hash, day_ns)
) PARTITION BY RANGE (day_ns);

-- The bytes are compressed already.
ALTER TABLE payloads ALTER COLUMN content SET STORAGE EXTERNAL;

-- Names of indexed attributes; ids are content hashes as in the other dictionaries.
CREATE TABLE attribute_keys (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Values that lead to traces: request, correlation, job and order ids, and whatever attributes an
-- operator adds to the list. One row a value, trace and day.
CREATE TABLE aliases (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    key_id bigint NOT NULL,
    day_ns bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, key_id, value, day_ns, trace_id)
) PARTITION BY RANGE (day_ns);

-- Domain events and log records. `digest` is a hash of everything the sender said.
CREATE TABLE events (
    tenant_id uuid NOT NULL,
    trace_id uuid,
    at_ns bigint NOT NULL,
    received_ns bigint NOT NULL,
    digest bigint NOT NULL,
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    span_id bigint,
    parent_span_id bigint,
    observed_ns bigint,
    flags integer,
    dropped_attributes_count integer,
    -- OpenTelemetry severity number, 0 to 24.
    severity smallint NOT NULL,
    severity_text text COLLATE "C",
    event_type text COLLATE "C",
    -- The body where it is a text, else NULL and the body in `body` (protobuf AnyValue).
    message text COLLATE "C",
    status text COLLATE "C",
    session_id text COLLATE "C",
    correlation_id text COLLATE "C",
    body bytea,
    attributes bytea,
    payloads bytea,
    UNIQUE (tenant_id, at_ns, digest)
) PARTITION BY RANGE (at_ns);

CREATE INDEX events_by_correlation ON events (tenant_id, correlation_id, at_ns DESC)
    WHERE correlation_id IS NOT NULL;
CREATE INDEX events_by_session ON events (tenant_id, session_id, at_ns DESC)
    WHERE session_id IS NOT NULL;
CREATE INDEX events_by_trace ON events (tenant_id, trace_id, at_ns DESC)
    WHERE trace_id IS NOT NULL;

-- A process that numbers its spans. Every column is a least, a greatest or a union, so that a
-- batch that comes twice or late changes nothing.
CREATE TABLE processes (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    resource_id bigint NOT NULL,
    first_seen_ns bigint NOT NULL,
    last_seen_ns bigint NOT NULL,
    -- Numbers from 0 up to here (exclusive) were given to spans, as the process last said.
    next_sequence bigint NOT NULL,
    -- When the process said that it stops.
    ended_ns bigint,
    received int8multirange NOT NULL,
    rejected int8multirange NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 50);

-- What a process dropped since it started, by reason; the greatest count it told.
CREATE TABLE process_drops (
    tenant_id uuid NOT NULL,
    process_id bigint NOT NULL,
    span_count bigint NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, process_id, reason)
);

-- Spans that began and have not ended.
CREATE TABLE open_spans (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    span_id bigint NOT NULL,
    parent_span_id bigint,
    operation_id bigint NOT NULL,
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    start_ns bigint NOT NULL,
    received_ns bigint NOT NULL,
    process_id bigint,
    sequence bigint,
    attributes bytea,
    PRIMARY KEY (tenant_id, trace_id, span_id)
);

CREATE INDEX open_spans_by_start ON open_spans (start_ns);

DO $$
BEGIN
    ALTER TABLE events
        ALTER COLUMN body SET COMPRESSION lz4,
        ALTER COLUMN attributes SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported THEN NULL;
END
$$;

-- Spans are found by trace, with the one index there is. With the default of 100 an ANALYZE samples
-- 30,000 rows, reads and sorts their attributes, and costs as much as 40,000 spans do; it comes
-- every few seconds while a day's partition is small. A vacuum of what was only inserted writes each
-- page once more, to note what no query of spans asks, a twelfth of what storing them takes: it is
-- left to the day when old transaction ids must go, which most partitions do not live to see.
CREATE FUNCTION spare_spans(partition text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'ALTER TABLE %I SET (autovacuum_vacuum_insert_threshold = -1)',
        partition
    );
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
CREATE FUNCTION ensure_day_partitions(day_start_ns bigint) RETURNS boolean
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
            PERFORM spare_spans(parent || '_' || day);
        END IF;
        made := true;
    END LOOP;
    RETURN made;
END
$$;

-- The new tables get the archive that `spans` has.
DO $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'aliases', 'payloads'] LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (%s)',
            parent || '_archive', parent, (SELECT boundary_ns FROM span_archive)
        );
    END LOOP;
    PERFORM spare_spans('spans_archive');
END
$$;
