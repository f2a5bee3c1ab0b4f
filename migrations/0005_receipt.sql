-- What a process says of its numbers, further: every number below this was sent and acknowledged,
-- dropped and counted, or told by a start record. What is missing below is lost.
ALTER TABLE processes
    ADD COLUMN settled_sequence bigint NOT NULL DEFAULT 0;

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

-- Of a process that leaves more gaps than are worth remembering, the old ones are forgotten: below
-- this number nobody can tell any more what is missing.
ALTER TABLE processes
    ADD COLUMN forgotten_below bigint NOT NULL DEFAULT 0;

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
