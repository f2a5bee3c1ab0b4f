-- Spans that have ended are open no more.
DELETE FROM open_spans AS o
USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS ended (tenant_id, trace_id, span_id)
WHERE o.tenant_id = ended.tenant_id
    AND o.trace_id = ended.trace_id
    AND o.span_id = ended.span_id
