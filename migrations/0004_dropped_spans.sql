-- Counts the spans that senders report as dropped, by minute and service.

-- The growth of a count at its last report. The writer adds it to dropped_spans.
ALTER TABLE process_drops ADD COLUMN growth bigint NOT NULL DEFAULT 0;

-- The minute is that in which the server received the report.
CREATE TABLE dropped_spans (
    tenant_id uuid NOT NULL,
    minute_ns bigint NOT NULL,
    service_id bigint NOT NULL,
    span_count bigint NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, minute_ns, service_id, reason)
);
