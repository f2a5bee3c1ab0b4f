-- Spans that were refused because the trace had enough.
SELECT refused_count
FROM traces
WHERE tenant_id = $1 AND trace_id = $2
