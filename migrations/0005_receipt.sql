-- What a process says of its numbers, further: every number below this was sent and acknowledged,
-- dropped and counted, or told by a start record. What is missing below is lost.
ALTER TABLE processes
    ADD COLUMN settled_sequence bigint NOT NULL DEFAULT 0;

-- The numbers of a process that are open, and whether anything of it is.
CREATE INDEX open_spans_by_process ON open_spans (tenant_id, process_id);

-- Spans that were refused because the trace had as many as a trace may have: at least once each.
ALTER TABLE traces
    ADD COLUMN refused_count bigint NOT NULL DEFAULT 0;
