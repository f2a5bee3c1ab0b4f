-- Folds the case of texts in one way, orders spans in one way, and redefines functions for people with
-- psql.

-- The writer folds names by Unicode's simple case folding. Names that were stored before may be folded
-- in another way, unless they are ASCII: NULL stands for unknown, and a search compares the name.
ALTER TABLE operations ALTER COLUMN name_folded DROP NOT NULL;
UPDATE operations SET name_folded = NULL WHERE octet_length(name) <> char_length(name);

COMMENT ON COLUMN events.message IS
    'The text of the body: a text as it is, another body as JSON, cut to 8 KiB. The body of the latter is in the column body.';

-- Spans that start together have one order, here, in the API and on the page: the longer first, then
-- the lesser id. Ids are compared as unsigned numbers, as their hexadecimal texts are.
CREATE OR REPLACE FUNCTION trace_timeline(trace text)
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
            s.span_id # '-9223372036854775808'::bigint AS unsigned_id,
            row_number() OVER (
                PARTITION BY s.span_id
                ORDER BY s.start_ns, s.duration_ns DESC, s.operation_id, s.block_id, s.block_position
            ) AS occurrence
        FROM directory AS t
        CROSS JOIN LATERAL trace_spans(t.tenant_id, t.trace_id) AS s
        ORDER BY s.start_ns, s.duration_ns DESC, unsigned_id, occurrence
        LIMIT 10000
    ),
    tree AS (
        SELECT
            span.*, 0 AS depth,
            ARRAY[span.start_ns, -span.duration_ns, span.unsigned_id, span.occurrence] AS path
        FROM span
        WHERE span.parent_span_id IS NULL
            OR NOT EXISTS (SELECT FROM span AS parent WHERE parent.span_id = span.parent_span_id)
        UNION ALL
        SELECT
            span.*,
            tree.depth + 1,
            tree.path || span.start_ns || -span.duration_ns || span.unsigned_id || span.occurrence
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
            ARRAY[9223372036854775807, start_ns, -duration_ns, unsigned_id, occurrence]
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

CREATE OR REPLACE FUNCTION events_by_session(session text) RETURNS SETOF event_line
LANGUAGE sql STABLE AS $$
    SELECT (line).* FROM event_lines
    -- Of longer ones so many characters are kept.
    WHERE session_id = left(events_by_session.session, 256)
    ORDER BY at_ns, digest
$$;
