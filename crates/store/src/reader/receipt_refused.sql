-- Spans that were refused because the trace had enough.
SELECT span_count
FROM refused_spans
WHERE tenant_id = $1 AND trace_id = $2
