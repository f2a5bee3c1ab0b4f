-- The schema of the store: dictionaries, blocks of spans, trace summaries, events, rollups, and what
-- retention remembers. A released migration is never edited.
--
-- Every row carries its tenant and every unique key starts with it. What belongs to a trace carries
-- a bucket too, which is 0 unless the database is distributed: a transaction stays within one bucket.
-- Dictionary ids are 64-bit content hashes (xxh3, computed by the writer), so that servers never
-- have to agree on a sequence and a reader knows an id from the text. Texts that are compared or
-- ordered have COLLATE "C": the order is that of the bytes, the same in SQL and in Rust, in every
-- locale.

CREATE TABLE services (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE operations (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    service_id bigint NOT NULL,
    kind smallint NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- The name without its case, folded by the writer: what a search compares, in any locale.
    name_folded text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE resources (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    service_id bigint NOT NULL,
    -- Attributes are protobuf (repeated opentelemetry.proto.common.v1.KeyValue), here and below.
    attributes bytea NOT NULL,
    dropped_attributes_count integer NOT NULL,
    schema_url text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE scopes (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    attributes bytea NOT NULL,
    dropped_attributes_count integer NOT NULL,
    schema_url text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);


-- Blocks of spans; docs/storage.md has the format. Ids grow: a block that is written later has a
-- greater one, which tells the spans of a trace from those of a removed trace of the same id.
CREATE SEQUENCE block_ids;

-- What a commit stores: one block a tenant. Compaction moves the spans to level 1.
CREATE TABLE level0_blocks (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    first_start_ns bigint NOT NULL,
    last_start_ns bigint NOT NULL,
    last_end_ns bigint NOT NULL,
    max_duration_ns bigint NOT NULL,
    -- By the clock of the database, like received_day.
    written_at timestamptz NOT NULL DEFAULT now(),
    first_trace_id uuid NOT NULL,
    last_trace_id uuid NOT NULL,
    span_count integer NOT NULL,
    -- Days since 1970 when the block was written, by the clock of the database.
    received_day integer NOT NULL DEFAULT floor(extract(epoch FROM now()) / 86400)::integer,
    bucket smallint NOT NULL DEFAULT 0,
    has_error boolean NOT NULL,
    has_payloads boolean NOT NULL,
    -- The skeleton: see Skeleton in crates/store/src/block.
    trace_ids uuid[] NOT NULL,
    trace_ends integer[] NOT NULL,
    trace_starts_ns bigint[] NOT NULL,
    trace_checksums integer[] NOT NULL,
    operations bigint[] NOT NULL,
    services bigint[] NOT NULL,
    resources bigint[] NOT NULL,
    scopes bigint[] NOT NULL,
    span_ids bigint[] NOT NULL,
    parents smallint[] NOT NULL,
    outside_parents bigint[] NOT NULL,
    start_offsets integer[],
    long_start_offsets bigint[],
    durations integer[],
    long_durations bigint[],
    operation_indexes smallint[] NOT NULL,
    statuses smallint[] NOT NULL,
    flags integer[] NOT NULL,
    message_spans integer[] NOT NULL,
    messages text[] COLLATE "C" NOT NULL,
    -- Of the parts that searches and rollups read by themselves: see Part in crates/store/src/block.
    checksums integer[] NOT NULL,
    -- The membership filter, the directory of the columns, the columns: compressed or incompressible.
    filter bytea,
    directory bytea NOT NULL,
    columns bytea NOT NULL,
    PRIMARY KEY (tenant_id, bucket, id)
) WITH (
    -- Its rows live for minutes, and only an erasure updates them; what compaction deleted must go
    -- soon, or readers look through it.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_threshold = 100000,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 20000
);

-- Parts of a value are read alone: neither compress it nor keep it in the row.
ALTER TABLE level0_blocks
    ALTER COLUMN filter SET STORAGE EXTERNAL,
    ALTER COLUMN directory SET STORAGE EXTERNAL,
    ALTER COLUMN columns SET STORAGE EXTERNAL;

-- lz4 costs a fraction of pglz; a server built without it keeps the default.
DO $$
DECLARE
    array_column text;
BEGIN
    FOR array_column IN
        SELECT attname FROM pg_attribute
        WHERE attrelid = 'level0_blocks'::regclass AND attnum > 0 AND attndims > 0
    LOOP
        EXECUTE format('ALTER TABLE level0_blocks ALTER COLUMN %I SET COMPRESSION lz4', array_column);
    END LOOP;
EXCEPTION
    WHEN feature_not_supported THEN NULL;
END
$$;

-- Larger blocks, sorted by trace. Partitioned by the day on which the spans were received and by
-- the class of their traces: 0 ok, 1 with an error or a warning.
CREATE TABLE level1_blocks (
    LIKE level0_blocks INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION,
    class smallint NOT NULL,
    PRIMARY KEY (received_day, class, tenant_id, bucket, id)
) PARTITION BY RANGE (received_day, class);

-- Makes the partition of a day and a class, unless it is there; true when this call made it.
-- Attaching a table takes a lock that lets readers and writers go on, which CREATE TABLE ...
-- PARTITION OF does not.
CREATE FUNCTION ensure_block_partition(day integer, class smallint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    partition text := format(
        'level1_blocks_%s_%s',
        to_char(to_timestamp(day::bigint * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD'),
        CASE class WHEN 0 THEN 'ok' ELSE 'error' END
    );
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('throughline.partitions', 0));
    -- Asked of the catalogue's table, after the lock: to_regclass() may answer from a cache that
    -- does not see another server's commit.
    IF EXISTS (
        SELECT FROM pg_class
        WHERE relname = partition AND relnamespace = (
            SELECT relnamespace FROM pg_class WHERE oid = 'level1_blocks'::regclass
        )
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I (LIKE level1_blocks INCLUDING DEFAULTS INCLUDING CONSTRAINTS
         INCLUDING STORAGE INCLUDING COMPRESSION) WITH (autovacuum_vacuum_insert_threshold = -1)',
        partition
    );
    EXECUTE format(
        'ALTER TABLE level1_blocks ATTACH PARTITION %I FOR VALUES FROM (%s, %s) TO (%s, %s)',
        partition, day, class, day, class + 1
    );
    RETURN true;
END
$$;

-- One row a trace, merged from its spans: nearly every column is a least, a greatest, a sum, an or, a
-- union or the value of the span that ranks first, so that the order of arrival never matters.
--
-- A rank is the start of a span, moved down by 2^63 when it has no parent: spans without a parent
-- come first, then the earliest. `root_*` is the span of the least (rank, span id, digest),
-- `user_id` and `session_id` the values of the least (rank, value), `error_message` that of the
-- failed span with the latest start.
CREATE TABLE traces (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    -- When the row was made, by the server's clock; the one column that the first commit decides.
    received_ns bigint NOT NULL,
    -- Older blocks hold spans of a removed trace of the same id.
    first_block_id bigint NOT NULL,
    root_rank bigint NOT NULL,
    root_span_id bigint NOT NULL,
    root_digest bigint NOT NULL,
    root_operation_id bigint NOT NULL,
    root_duration_ns bigint NOT NULL,
    user_rank bigint,
    session_rank bigint,
    error_rank bigint,
    -- Of a trace that went on after its beginning was removed: what began before this is gone.
    pruned_before_ns bigint,
    span_count integer NOT NULL,
    error_count integer NOT NULL,
    bucket smallint NOT NULL DEFAULT 0,
    has_root boolean NOT NULL,
    -- Apart from error_count so that counting on does not touch the index below.
    has_error boolean NOT NULL GENERATED ALWAYS AS (error_count > 0) STORED,
    services bigint[] NOT NULL,
    user_id text COLLATE "C",
    session_id text COLLATE "C",
    error_message text COLLATE "C",
    -- Two bytes of the digest of each span; NULL for a trace of more than 1,024 spans.
    fingerprints bytea,
    PRIMARY KEY (tenant_id, trace_id)
) WITH (
    -- Rows are updated as their spans arrive; space on the page keeps those updates off the indexes.
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.05,
    -- Reads thousands of rows each time; what it tells changes slowly.
    autovacuum_analyze_scale_factor = 0.1
);

-- ANALYZE reads 300 rows for each unit of the greatest target, and this table grows from minute to
-- minute. Columns that no condition names need no statistics.
ALTER TABLE traces
    ALTER COLUMN tenant_id SET STATISTICS 20,
    ALTER COLUMN trace_id SET STATISTICS 20,
    ALTER COLUMN start_ns SET STATISTICS 20,
    ALTER COLUMN end_ns SET STATISTICS 20,
    ALTER COLUMN received_ns SET STATISTICS 20,
    ALTER COLUMN first_block_id SET STATISTICS 0,
    ALTER COLUMN root_rank SET STATISTICS 0,
    ALTER COLUMN root_span_id SET STATISTICS 0,
    ALTER COLUMN root_digest SET STATISTICS 0,
    ALTER COLUMN root_operation_id SET STATISTICS 20,
    ALTER COLUMN root_duration_ns SET STATISTICS 20,
    ALTER COLUMN user_rank SET STATISTICS 0,
    ALTER COLUMN session_rank SET STATISTICS 0,
    ALTER COLUMN error_rank SET STATISTICS 0,
    ALTER COLUMN pruned_before_ns SET STATISTICS 20,
    ALTER COLUMN span_count SET STATISTICS 20,
    ALTER COLUMN error_count SET STATISTICS 20,
    ALTER COLUMN bucket SET STATISTICS 0,
    ALTER COLUMN has_root SET STATISTICS 20,
    ALTER COLUMN has_error SET STATISTICS 20,
    ALTER COLUMN services SET STATISTICS 20,
    ALTER COLUMN user_id SET STATISTICS 20,
    ALTER COLUMN session_id SET STATISTICS 20,
    ALTER COLUMN error_message SET STATISTICS 0,
    ALTER COLUMN fingerprints SET STATISTICS 0;

-- Every index ascends in time: rows come about in its order, and Postgres fills the pages of an
-- index that grows at its right end. Lists read it backwards; the id, which orders traces that begin
-- in the same nanosecond, is sorted by then.
CREATE INDEX traces_by_start ON traces (tenant_id, start_ns);
CREATE INDEX traces_with_errors ON traces (tenant_id, start_ns)
    WHERE has_error;
-- Those of which blocks were dropped: a search by their blocks may miss them.
CREATE INDEX traces_pruned ON traces (tenant_id)
    WHERE pruned_before_ns IS NOT NULL;

-- Where the archive ends: events that began before `boundary_ns` share one partition, so that
-- clocks that are far behind cannot create any number of tables.
CREATE TABLE day_archive (
    boundary_ns bigint PRIMARY KEY
);

INSERT INTO day_archive
SELECT (floor(extract(epoch FROM now()) / 86400)::bigint - 40) * 86400000000000;

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
    -- Every number below this was sent and acknowledged, dropped and counted, or told by a start
    -- record. What is missing below is lost.
    settled_sequence bigint NOT NULL DEFAULT 0,
    -- Of a process that leaves more gaps than are worth remembering, the old ones are forgotten:
    -- below this number nobody can tell any more what is missing.
    forgotten_below bigint NOT NULL DEFAULT 0,
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
    PERFORM pg_advisory_xact_lock(hashtextextended('throughline.partitions', 0));
    FOREACH parent IN ARRAY ARRAY['events', 'payloads'] LOOP
        -- Asked of the catalogue's table, after the lock: to_regclass() may answer from a cache
        -- that does not see another server's commit.
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
        made := true;
    END LOOP;
    RETURN made;
END
$$;

-- The archive of each.
DO $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'payloads'] LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (%s)',
            parent || '_archive', parent, (SELECT boundary_ns FROM day_archive)
        );
    END LOOP;
END
$$;

-- Counts of spans by operation and window of time. Compaction adds the spans that leave level 0 to the
-- windows of 15 minutes; larger windows are built from smaller ones once they are closed, in the order
-- of time, and from then on compaction adds to them too.
CREATE TABLE rollups (
    tenant_id uuid NOT NULL,
    operation_id bigint NOT NULL,
    start_ns bigint NOT NULL,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    max_ns bigint NOT NULL,
    -- 900, 3600 or 86400.
    window_seconds integer NOT NULL,
    bucket smallint NOT NULL DEFAULT 0,
    -- A DDSketch of the durations in ns.
    sketch bytea NOT NULL,
    PRIMARY KEY (tenant_id, bucket, window_seconds, start_ns, operation_id)
) WITH (fillfactor = 80);

-- The windows of all tenants by time: which to build next, which to remove.
CREATE INDEX rollups_by_start ON rollups (bucket, window_seconds, start_ns);

-- Traces that no rule removes.
CREATE TABLE pins (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    pinned_at_ns bigint NOT NULL,
    note text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, trace_id)
);

-- Days whose partitions hold rows of traces that are gone from the directory; marked in the
-- transaction that removes the traces, unmarked once the partitions are rid of them.
CREATE TABLE retention_days (
    day_ns bigint PRIMARY KEY,
    is_due boolean NOT NULL
);

-- Days on which an erasure has removed spans or events that may have referred to large values; marked in
-- the transaction that removes them, unmarked once the values that nothing refers to are gone.
CREATE TABLE erased_payload_days (
    day_ns bigint PRIMARY KEY
);

-- One row: traces that ended before this lost spans to the size budget and go from the directory.
CREATE TABLE retention_state (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    pruned_before_ns bigint NOT NULL
);
INSERT INTO retention_state (pruned_before_ns) VALUES (-9223372036854775808);


-- Which traces have a warning: what retention asks, hence without the others.
CREATE INDEX events_with_warnings ON events (tenant_id, trace_id)
    WHERE severity >= 13 AND trace_id IS NOT NULL;

-- Size of the database by day, for growth and the days that are left.
CREATE TABLE storage_days (
    day_ns bigint PRIMARY KEY,
    byte_count bigint NOT NULL
);

-- The numbers of a process that are open, and whether anything of it is.
CREATE INDEX open_spans_by_process ON open_spans (tenant_id, process_id);

-- Spans that were refused because the trace had as many as a trace may have: once each, as far as
-- can be told. Not in the directory: a commit locks its rows there in one sorted statement.
CREATE TABLE refused_spans (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    span_count bigint NOT NULL,
    PRIMARY KEY (tenant_id, trace_id)
);


-- The end of what must be forgotten of `numbers`, so that the last 1,000 ranges stay; 0 for none.
CREATE FUNCTION forget_below(numbers int8multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((
        SELECT upper(range)
        FROM unnest(numbers) AS range
        ORDER BY lower(range) DESC
        OFFSET 1000
        LIMIT 1
    ), 0)
$$;

-- Whose rows the functions below read: `SET app.tenant = '...'`, else the default tenant.
CREATE FUNCTION throughline_tenant() RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('app.tenant', true), '')::uuid,
        '00000000-0000-4000-8000-000000000001'::uuid
    )
$$;
COMMENT ON FUNCTION throughline_tenant() IS
    'The tenant whose rows the functions of Throughline read: the setting app.tenant, else the default tenant.';

-- An instant as people read it, to the microsecond.
CREATE FUNCTION throughline_instant(ns bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(0) + (ns / 1000) * interval '1 microsecond'
$$;
COMMENT ON FUNCTION throughline_instant(bigint) IS
    'Nanoseconds since 1970 as a timestamptz, cut to microseconds.';

-- What the two functions below show of an event.
CREATE TYPE event_line AS (
    at timestamptz,
    severity smallint,
    event_type text,
    message text,
    status text,
    service text,
    session_id text,
    correlation_id text,
    trace_id text,
    span_id text
);

-- The events of the tenant, with what finds and orders them.
CREATE VIEW event_lines AS
SELECT
    event.session_id,
    event.correlation_id,
    event.at_ns,
    event.digest,
    (
        throughline_instant(event.at_ns),
        event.severity,
        event.event_type,
        event.message,
        event.status,
        service.name,
        event.session_id,
        event.correlation_id,
        replace(event.trace_id::text, '-', ''),
        lpad(to_hex(event.span_id), 16, '0')
    )::event_line AS line
FROM events AS event
LEFT JOIN resources AS resource
    ON resource.tenant_id = event.tenant_id AND resource.id = event.resource_id
LEFT JOIN services AS service
    ON service.tenant_id = event.tenant_id AND service.id = resource.service_id
WHERE event.tenant_id = throughline_tenant();

CREATE FUNCTION events_by_session(session text) RETURNS SETOF event_line
LANGUAGE sql STABLE AS $$
    SELECT (line).* FROM event_lines
    WHERE session_id = events_by_session.session
    ORDER BY at_ns, digest
$$;
COMMENT ON FUNCTION events_by_session(text) IS
    'Events and log records of a session, oldest first.';

CREATE FUNCTION events_by_session(session uuid) RETURNS SETOF event_line
LANGUAGE sql STABLE AS $$
    SELECT * FROM events_by_session(events_by_session.session::text)
$$;
COMMENT ON FUNCTION events_by_session(uuid) IS
    'Events and log records of a session whose id is a UUID, oldest first.';

CREATE FUNCTION events_by_correlation(correlation text) RETURNS SETOF event_line
LANGUAGE sql STABLE AS $$
    SELECT (line).* FROM event_lines
    -- Of longer ones so many characters are kept.
    WHERE correlation_id = left(events_by_correlation.correlation, 256)
    ORDER BY at_ns, digest
$$;
COMMENT ON FUNCTION events_by_correlation(text) IS
    'Events and log records that carry a correlation id, oldest first.';

CREATE FUNCTION events_by_correlation(correlation uuid) RETURNS SETOF event_line
LANGUAGE sql STABLE AS $$
    SELECT * FROM events_by_correlation(events_by_correlation.correlation::text)
$$;
COMMENT ON FUNCTION events_by_correlation(uuid) IS
    'Events and log records that carry a correlation id that is a UUID, oldest first.';

-- The spans of a trace out of the skeletons of blocks; those of a removed trace of the same id are
-- left out. Slices first: an element of a large array costs the whole array each time.
CREATE FUNCTION trace_spans(tenant uuid, trace uuid)
RETURNS TABLE (
    span_id bigint,
    parent_span_id bigint,
    operation_id bigint,
    start_ns bigint,
    duration_ns bigint,
    status smallint,
    status_message text,
    flags integer,
    block_id bigint,
    block_position integer
)
LANGUAGE sql STABLE AS $$
    SELECT
        span.span_id,
        CASE
            WHEN span.parent >= 0 THEN part.span_ids[span.parent + 1]
            WHEN span.parent < -1 THEN part.outside_parents[-1 - span.parent]
        END,
        part.operations[span.operation_index + 1],
        part.trace_start_ns + coalesce(span.start_offset, span.long_start_offset),
        coalesce(span.duration, span.long_duration),
        span.status,
        part.messages[array_position(part.message_spans, part.first + span.place::integer - 2)],
        span.flags,
        part.id,
        part.first + span.place::integer - 2
    FROM (
        SELECT
            b.id, slice.first, b.operations, b.outside_parents, b.message_spans, b.messages,
            b.trace_starts_ns[place.number] AS trace_start_ns,
            b.span_ids[slice.first:slice.last] AS span_ids,
            b.parents[slice.first:slice.last] AS parents,
            b.start_offsets[slice.first:slice.last] AS start_offsets,
            b.long_start_offsets[slice.first:slice.last] AS long_start_offsets,
            b.durations[slice.first:slice.last] AS durations,
            b.long_durations[slice.first:slice.last] AS long_durations,
            b.operation_indexes[slice.first:slice.last] AS operation_indexes,
            b.statuses[slice.first:slice.last] AS statuses,
            b.flags[slice.first:slice.last] AS flags
        FROM traces AS t
        CROSS JOIN LATERAL (
            SELECT
                id, first_trace_id, last_trace_id, trace_ids, trace_ends, trace_starts_ns,
                operations, outside_parents, message_spans, messages, span_ids, parents,
                start_offsets, long_start_offsets, durations, long_durations,
                operation_indexes, statuses, flags
            FROM level0_blocks
            WHERE tenant_id = t.tenant_id
            UNION ALL
            SELECT
                id, first_trace_id, last_trace_id, trace_ids, trace_ends, trace_starts_ns,
                operations, outside_parents, message_spans, messages, span_ids, parents,
                start_offsets, long_start_offsets, durations, long_durations,
                operation_indexes, statuses, flags
            FROM level1_blocks
            WHERE tenant_id = t.tenant_id
        ) AS b
        CROSS JOIN LATERAL (
            SELECT array_position(b.trace_ids, t.trace_id) AS number OFFSET 0
        ) AS place
        CROSS JOIN LATERAL (
            SELECT
                coalesce(b.trace_ends[place.number - 1], 0) + 1 AS first,
                b.trace_ends[place.number] AS last
            OFFSET 0
        ) AS slice
        WHERE t.tenant_id = trace_spans.tenant AND t.trace_id = trace_spans.trace
            AND t.trace_id BETWEEN b.first_trace_id AND b.last_trace_id
            AND b.id >= t.first_block_id
            AND place.number IS NOT NULL
    ) AS part
    CROSS JOIN LATERAL unnest(
        part.span_ids, part.parents, part.start_offsets, part.long_start_offsets, part.durations,
        part.long_durations, part.operation_indexes, part.statuses, part.flags
    ) WITH ORDINALITY AS span (
        span_id, parent, start_offset, long_start_offset, duration, long_duration,
        operation_index, status, flags, place
    )
$$;
COMMENT ON FUNCTION trace_spans(uuid, uuid) IS
    'The spans of a trace of a tenant, without attributes.';

-- Every span, for people with psql. Made for looking at some traces: it reads trace by trace.
CREATE VIEW spans AS
SELECT t.tenant_id, t.trace_id, s.*
FROM traces AS t
CROSS JOIN LATERAL trace_spans(t.tenant_id, t.trace_id) AS s;
COMMENT ON VIEW spans IS
    'The spans of all traces, without attributes. Name a tenant_id and trace_ids: it reads trace by trace.';

-- The rows of a trace in the order of its tree: its first 10,000 spans, 100 levels deep; what a
-- cycle or greater depth keeps from being reached stands at the end. A span whose parent has not
-- come counts as a root. Of spans with one id the first is the parent of their children.
CREATE FUNCTION trace_timeline(trace text)
RETURNS TABLE (
    offset_ms numeric,
    duration_ms numeric,
    timeline text,
    service text,
    status text,
    span_id text
)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE directory AS (
        SELECT t.tenant_id, t.trace_id, t.start_ns, t.end_ns
        FROM traces AS t
        WHERE t.tenant_id = throughline_tenant()
            AND t.trace_id = replace(trace_timeline.trace, '-', '')::uuid
    ),
    span AS MATERIALIZED (
        SELECT
            s.span_id, s.parent_span_id, s.operation_id, s.start_ns, s.duration_ns,
            s.status, s.status_message,
            row_number() OVER (
                PARTITION BY s.span_id
                ORDER BY s.start_ns, s.duration_ns, s.operation_id, s.block_id, s.block_position
            ) AS occurrence
        FROM directory AS t
        CROSS JOIN LATERAL trace_spans(t.tenant_id, t.trace_id) AS s
        ORDER BY s.start_ns, s.span_id, occurrence
        LIMIT 10000
    ),
    tree AS (
        SELECT span.*, 0 AS depth, ARRAY[span.start_ns, span.span_id, span.occurrence] AS path
        FROM span
        WHERE span.parent_span_id IS NULL
            OR NOT EXISTS (SELECT FROM span AS parent WHERE parent.span_id = span.parent_span_id)
        UNION ALL
        SELECT
            span.*,
            tree.depth + 1,
            tree.path || span.start_ns || span.span_id || span.occurrence
        FROM tree
        JOIN span ON span.parent_span_id = tree.span_id
        WHERE tree.occurrence = 1 AND tree.depth < 100
    ),
    placed AS (
        SELECT span_id, operation_id, start_ns, duration_ns, status, status_message, occurrence, depth, path
        FROM tree
        UNION ALL
        SELECT
            span_id, operation_id, start_ns, duration_ns, status, status_message, occurrence, 0,
            ARRAY[9223372036854775807, start_ns, span_id, occurrence]
        FROM span
        WHERE NOT EXISTS (
            SELECT FROM tree WHERE tree.span_id = span.span_id AND tree.occurrence = span.occurrence
        )
    ),
    line AS (
        SELECT
            placed.start_ns, placed.duration_ns, placed.depth, placed.path, placed.span_id,
            operation.name
                || CASE WHEN placed.status_message IS NULL THEN '' ELSE ': ' || placed.status_message END
                AS text,
            service.name AS service,
            CASE placed.status WHEN 2 THEN 'error' WHEN 1 THEN 'ok' END AS status
        FROM placed
        LEFT JOIN operations AS operation
            ON operation.tenant_id = throughline_tenant() AND operation.id = placed.operation_id
        LEFT JOIN services AS service
            ON service.tenant_id = throughline_tenant() AND service.id = operation.service_id
        UNION ALL
        SELECT
            event.at_ns, NULL, coalesce(within.depth + 1, 0),
            coalesce(within.path, '{}') || event.at_ns || event.digest, event.span_id,
            '* ' || concat_ws(': ', event.event_type, event.message),
            service.name,
            event.status
        FROM directory AS t
        JOIN events AS event ON event.tenant_id = t.tenant_id AND event.trace_id = t.trace_id
        LEFT JOIN LATERAL (
            SELECT placed.depth, placed.path
            FROM placed
            WHERE placed.span_id = event.span_id
            ORDER BY placed.path
            LIMIT 1
        ) AS within ON true
        LEFT JOIN resources AS resource
            ON resource.tenant_id = event.tenant_id AND resource.id = event.resource_id
        LEFT JOIN services AS service
            ON service.tenant_id = event.tenant_id AND service.id = resource.service_id
    )
    SELECT
        round((line.start_ns - directory.start_ns)::numeric / 1000000, 3),
        round(line.duration_ns::numeric / 1000000, 3),
        repeat('  ', line.depth) || coalesce(line.text, 'unknown operation'),
        line.service,
        line.status,
        lpad(to_hex(line.span_id), 16, '0')
    FROM line, directory
    ORDER BY line.path
$$;
COMMENT ON FUNCTION trace_timeline(text) IS
    'A trace as an indented tree, spans and events in the order of time: offset and duration in ms. Takes 32 hexadecimal characters or a UUID. At most 10,000 spans.';
