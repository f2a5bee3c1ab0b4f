-- The store: dictionaries, spans by day, the trace directory.
--
-- Every row carries its tenant and every unique key starts with it. Dictionary ids are 64-bit
-- content hashes (xxh3, computed by the writer), so that servers never have to agree on a
-- sequence and a reader knows an id from the text. Texts that are compared or ordered have
-- COLLATE "C": the order is that of the bytes, the same in SQL and in Rust, in every locale.

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
    -- The name in lower case, folded by the writer: what a search compares, in any locale.
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

-- One row a span. What is usually empty or zero is NULL then, which costs one bit. Columns stand
-- widest first, so that none is padded. `digest` is a hash of everything the sender said: a span
-- that is sent again is the same row, another span with a taken id is a second row.
CREATE TABLE spans (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    span_id bigint NOT NULL,
    parent_span_id bigint,
    operation_id bigint NOT NULL,
    resource_id bigint NOT NULL,
    scope_id bigint NOT NULL,
    start_ns bigint NOT NULL,
    duration_ns bigint NOT NULL,
    received_ns bigint NOT NULL,
    digest bigint NOT NULL,
    flags integer,
    dropped_attributes_count integer,
    dropped_events_count integer,
    dropped_links_count integer,
    kind smallint NOT NULL,
    status smallint NOT NULL,
    trace_state text COLLATE "C",
    status_message text COLLATE "C",
    attributes bytea,
    events bytea,
    links bytea,
    UNIQUE (tenant_id, trace_id, span_id, start_ns, digest)
) PARTITION BY RANGE (start_ns);

-- lz4 costs a fraction of pglz; a server built without it keeps the default.
DO $$
BEGIN
    ALTER TABLE spans
        ALTER COLUMN attributes SET COMPRESSION lz4,
        ALTER COLUMN events SET COMPRESSION lz4,
        ALTER COLUMN links SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported THEN NULL;
END
$$;

-- Where the archive ends: spans that began before `boundary_ns` share one partition, so that
-- clocks that are far behind cannot create any number of tables.
CREATE TABLE span_archive (
    boundary_ns bigint PRIMARY KEY
);

DO $$
DECLARE
    day_ns CONSTANT bigint := 86400000000000;
    today_ns bigint := floor(extract(epoch FROM now()) / 86400)::bigint * day_ns;
    boundary_ns bigint := today_ns - 40 * day_ns;
BEGIN
    INSERT INTO span_archive VALUES (boundary_ns);
    EXECUTE format(
        'CREATE TABLE spans_archive PARTITION OF spans FOR VALUES FROM (MINVALUE) TO (%s)',
        boundary_ns
    );
END
$$;

-- One row a trace, merged from its spans: nearly every column is a least, a greatest, a sum, an or, a
-- union or the value of the span that ranks first, so that the order of arrival never matters.
--
-- A rank is the start of a span, moved down by 2^63 when it has no parent: spans without a parent
-- come first, then the earliest. `root_*` is the span of the least (rank, span id, digest),
-- `user_id` and `session_id` the values of the least (rank, value).
CREATE TABLE traces (
    tenant_id uuid NOT NULL,
    trace_id uuid NOT NULL,
    start_ns bigint NOT NULL,
    end_ns bigint NOT NULL,
    -- When the row was made, by the server's clock; the one column that the first commit decides.
    received_ns bigint NOT NULL,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    root_rank bigint NOT NULL,
    root_span_id bigint NOT NULL,
    root_digest bigint NOT NULL,
    root_operation_id bigint NOT NULL,
    root_duration_ns bigint NOT NULL,
    user_rank bigint,
    session_rank bigint,
    has_root boolean NOT NULL,
    -- Apart from error_count so that counting on does not touch the index below.
    has_error boolean NOT NULL GENERATED ALWAYS AS (error_count > 0) STORED,
    services bigint[] NOT NULL,
    user_id text COLLATE "C",
    session_id text COLLATE "C",
    PRIMARY KEY (tenant_id, trace_id)
) WITH (
    -- Rows are updated as their spans arrive; room on the page keeps those updates off the indexes.
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    -- Reads thousands of rows each time; what it tells changes slowly.
    autovacuum_analyze_scale_factor = 0.1
);

-- What indexes hold of a text of a tenant: eight bytes, where tenant and text may be hundreds. Whoever
-- looks for a text asks for its hash and, since others may share it, for the text.
CREATE FUNCTION text_hash(tenant uuid, value text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(value, uuid_hash_extended(tenant, 0))
$$;

-- Every index of the directory ascends: rows come about in the order of time, and Postgres fills the
-- pages of an index that grows at its right end, where it splits those of one that grows at its left
-- end in half. Lists read them backwards; the id, which orders traces that begin in the same
-- nanosecond, is sorted by then.
CREATE INDEX traces_by_start ON traces (tenant_id, start_ns);
CREATE INDEX traces_by_user ON traces (text_hash(tenant_id, user_id), start_ns)
    WHERE user_id IS NOT NULL;
CREATE INDEX traces_by_session ON traces (text_hash(tenant_id, session_id), start_ns)
    WHERE session_id IS NOT NULL;
CREATE INDEX traces_with_errors ON traces (tenant_id, start_ns)
    WHERE has_error;
-- So that the planner knows how many traces a hash has (of a partial index it does not look), and that
-- the text, asked for beside it, leaves out next to none.
CREATE STATISTICS traces_user (dependencies) ON text_hash(tenant_id, user_id), user_id FROM traces;
CREATE STATISTICS traces_session (dependencies)
    ON text_hash(tenant_id, session_id), session_id FROM traces;
