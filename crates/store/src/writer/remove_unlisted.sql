-- Rows of traces that retention has removed, which come again: they make room for themselves.
DELETE FROM spans AS s
USING unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS asked (tenant_id, trace_id, span_id, start_ns, digest)
WHERE s.tenant_id = asked.tenant_id
    AND s.trace_id = asked.trace_id
    AND s.span_id = asked.span_id
    AND s.start_ns = asked.start_ns
    AND s.digest = asked.digest
