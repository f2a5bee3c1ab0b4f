-- What is kept and for how long: rollups, pins, and the memory of retention.

-- What commits added to windows of 15 minutes and nobody has folded yet: appended by writers,
-- emptied by the folding task every few seconds. Every column merges: sums, a greatest, sketches.
CREATE TABLE rollup_deltas (
    tenant_id uuid NOT NULL,
    operation_id bigint NOT NULL,
    -- First instant of the window of 15 minutes in which the spans began.
    start_ns bigint NOT NULL,
    span_count bigint NOT NULL,
    error_count bigint NOT NULL,
    max_ns bigint NOT NULL,
    sketch bytea NOT NULL
) WITH (
    -- Its rows live for seconds.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0
);

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
