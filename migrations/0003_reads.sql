-- What reads need: indexes of the directory, samples of it, and functions for people with psql.

-- Which power of two the duration in ns reaches. It changes seldom while a trace grows, so that an
-- update seldom touches the index on it, as one on the duration itself would each time.
ALTER TABLE traces
    ADD COLUMN duration_class smallint NOT NULL GENERATED ALWAYS AS (
        floor(ln(greatest(end_ns - start_ns, 1)::double precision) / ln(2::double precision))::smallint
    ) STORED;

CREATE INDEX traces_by_operation ON traces (tenant_id, root_operation_id, start_ns);
-- From 17 ms on: what is shorter is seldom looked for, and then seldom rare.
CREATE INDEX traces_by_duration ON traces (tenant_id, duration_class, start_ns)
    WHERE duration_class >= 24;
-- Names are few, so entries are shared by many traces and stay small.
CREATE INDEX traces_by_service ON traces USING gin (services);
-- So that the planner knows a rare service from a common one.
-- An ANALYZE reads 300 rows for each of these.
ALTER TABLE traces ALTER COLUMN services SET STATISTICS 200;

-- Samples of the directory: one trace in 16, in 64, in 256, in 4096, drawn by a hash of the
-- id. Totals and statistics over more traces than can be read while somebody waits are estimated
-- from them. The reader writes these conditions letter by letter.
CREATE INDEX traces_sample_16 ON traces (tenant_id, start_ns)
    WHERE (uuid_hash_extended(trace_id, 0) & 15) = 0;
CREATE INDEX traces_sample_64 ON traces (tenant_id, start_ns)
    WHERE (uuid_hash_extended(trace_id, 0) & 63) = 0;
CREATE INDEX traces_sample_256 ON traces (tenant_id, start_ns)
    WHERE (uuid_hash_extended(trace_id, 0) & 255) = 0;
CREATE INDEX traces_sample_4096 ON traces (tenant_id, start_ns)
    WHERE (uuid_hash_extended(trace_id, 0) & 4095) = 0;

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
            s.status, s.status_message, s.digest,
            row_number() OVER (PARTITION BY s.span_id ORDER BY s.start_ns, s.digest) AS place
        FROM directory AS t
        JOIN spans AS s
            ON s.tenant_id = t.tenant_id
            AND s.trace_id = t.trace_id
            AND s.start_ns BETWEEN t.start_ns AND t.end_ns
        ORDER BY s.start_ns, s.span_id, s.digest
        LIMIT 10000
    ),
    tree AS (
        SELECT span.*, 0 AS depth, ARRAY[span.start_ns, span.span_id, span.digest] AS path
        FROM span
        WHERE span.parent_span_id IS NULL
            OR NOT EXISTS (SELECT FROM span AS parent WHERE parent.span_id = span.parent_span_id)
        UNION ALL
        SELECT
            span.*,
            tree.depth + 1,
            tree.path || span.start_ns || span.span_id || span.digest
        FROM tree
        JOIN span ON span.parent_span_id = tree.span_id
        WHERE tree.place = 1 AND tree.depth < 100
    ),
    placed AS (
        SELECT span_id, operation_id, start_ns, duration_ns, status, status_message, digest, depth, path
        FROM tree
        UNION ALL
        SELECT
            span_id, operation_id, start_ns, duration_ns, status, status_message, digest, 0,
            ARRAY[9223372036854775807, start_ns, span_id, digest]
        FROM span
        WHERE NOT EXISTS (
            SELECT FROM tree WHERE tree.span_id = span.span_id AND tree.digest = span.digest
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
