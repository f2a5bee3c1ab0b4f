-- What is kept and for how long: rollups, pins, and the memory of retention.

-- What commits added to windows of 15 minutes and nobody has folded yet: appended by writers,
-- emptied by the folding task every few seconds. A row is one commit's, its arrays are of one length
-- with an element an operation and window: a commit of a few thousand spans has hundreds of those,
-- which as rows cost as much as a tenth of the spans. Every one merges: sums, a greatest, sketches.
CREATE TABLE rollup_deltas (
    tenant_id uuid NOT NULL,
    -- Elements of each array.
    delta_count integer NOT NULL,
    operation_ids bigint[] NOT NULL,
    -- First instants of the windows of 15 minutes in which the spans began.
    starts_ns bigint[] NOT NULL,
    span_counts bigint[] NOT NULL,
    error_counts bigint[] NOT NULL,
    maxes_ns bigint[] NOT NULL,
    sketches bytea[] NOT NULL
) WITH (
    -- Its rows live for seconds.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
-- Not worth compressing for seconds.
ALTER TABLE rollup_deltas
    ALTER COLUMN operation_ids SET STORAGE EXTERNAL,
    ALTER COLUMN starts_ns SET STORAGE EXTERNAL,
    ALTER COLUMN span_counts SET STORAGE EXTERNAL,
    ALTER COLUMN error_counts SET STORAGE EXTERNAL,
    ALTER COLUMN maxes_ns SET STORAGE EXTERNAL,
    ALTER COLUMN sketches SET STORAGE EXTERNAL;

CREATE TABLE rollups (
    tenant_id uuid NOT NULL,
    operation_id bigint NOT NULL,
    start_ns bigint NOT NULL,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    max_ns bigint NOT NULL,
    -- 900, 3600 or 86400.
    window_seconds integer NOT NULL,
    -- A DDSketch of the durations in ns.
    sketch bytea NOT NULL,
    PRIMARY KEY (tenant_id, window_seconds, start_ns, operation_id)
) WITH (fillfactor = 80);

CREATE INDEX rollups_by_start ON rollups (start_ns);

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

-- One row: traces that ended before this lost spans to the size budget and go from the directory.
CREATE TABLE retention_state (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    pruned_before_ns bigint NOT NULL
);
INSERT INTO retention_state (pruned_before_ns) VALUES (-9223372036854775808);

-- Of a trace that went on after such a day: what began before this was removed.
ALTER TABLE traces
    ADD COLUMN pruned_before_ns bigint;

-- Which traces have a warning: what retention asks, hence without the others.
CREATE INDEX events_with_warnings ON events (tenant_id, trace_id)
    WHERE severity >= 13 AND trace_id IS NOT NULL;

-- Size of the database by day, for growth and the days that are left.
CREATE TABLE storage_days (
    day_ns bigint PRIMARY KEY,
    byte_count bigint NOT NULL
);
