-- Locks rows in the order of their keys, so that two servers do not deadlock.
SELECT
    t.tenant_id, t.trace_id, t.start_ns, t.end_ns, t.first_block_id,
    t.root_rank, t.root_span_id, t.root_digest, t.root_operation_id, t.root_duration_ns,
    t.user_rank, t.session_rank, t.error_rank, t.span_count, t.error_count, t.has_root,
    t.services, t.user_id, t.session_id, t.error_message, t.fingerprints,
    (SELECT prune_count FROM retention_state) AS prune_count
FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, trace_id)
JOIN traces AS t USING (tenant_id, trace_id)
ORDER BY t.tenant_id, t.trace_id
FOR UPDATE OF t
