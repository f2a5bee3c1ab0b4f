-- Claims the traces that have no row. The input is sorted by key, so that two servers do not
-- deadlock. $21 is the receive time. The rows share one number of the block id sequence: blocks of
-- removed traces have smaller numbers, blocks of this transaction greater ones.
INSERT INTO traces (
    tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
    root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
    services, user_rank, user_id, session_rank, session_id, error_rank, error_message,
    fingerprints, received_ns, first_block_id
)
SELECT
    tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
    root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
    services::bigint[], user_rank, user_id, session_rank, session_id, error_rank, error_message,
    fingerprints, $21, (SELECT nextval('block_ids'))
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::integer[], $6::integer[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[],
    $13::text[], $14::bigint[], $15::text[], $16::bigint[], $17::text[],
    $18::bigint[], $19::text[], $20::bytea[]
) AS claimed (
    tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
    root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
    services, user_rank, user_id, session_rank, session_id, error_rank, error_message,
    fingerprints
)
ON CONFLICT DO NOTHING
RETURNING tenant_id, trace_id
