-- Updates rows that this transaction has locked, to include their new spans.
UPDATE traces AS t SET
    start_ns = new.start_ns,
    end_ns = new.end_ns,
    span_count = new.span_count,
    error_count = new.error_count,
    root_rank = new.root_rank,
    root_span_id = new.root_span_id,
    root_digest = new.root_digest,
    root_operation_id = new.root_operation_id,
    root_duration_ns = new.root_duration_ns,
    has_root = new.has_root,
    services = new.services::bigint[],
    user_rank = new.user_rank,
    user_id = new.user_id,
    session_rank = new.session_rank,
    session_id = new.session_id,
    error_rank = new.error_rank,
    error_message = new.error_message,
    fingerprints = new.fingerprints
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::integer[], $6::integer[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[],
    $13::text[], $14::bigint[], $15::text[], $16::bigint[], $17::text[],
    $18::bigint[], $19::text[], $20::bytea[]
) AS new (
    tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
    root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
    services, user_rank, user_id, session_rank, session_id, error_rank, error_message,
    fingerprints
)
WHERE t.tenant_id = new.tenant_id AND t.trace_id = new.trace_id
