-- Merges what a commit adds to each trace; see the table for the rules. The input is sorted by
-- key, so that two servers lock the same rows in the same order. Rows that are new are received at $21.
-- Yields those that have more than $20 spans by now.
WITH merged AS (
    INSERT INTO traces AS t (
        tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
        root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
        services, user_rank, user_id, session_rank, session_id, error_rank, error_message,
        received_ns
    )
    SELECT
        tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
        root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
        services::bigint[], user_rank, user_id, session_rank, session_id, error_rank, error_message,
        $21
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[],
        $13::text[], $14::bigint[], $15::text[], $16::bigint[], $17::text[],
        $18::bigint[], $19::text[]
    ) AS delta (
        tenant_id, trace_id, start_ns, end_ns, span_count, error_count,
        root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns, has_root,
        services, user_rank, user_id, session_rank, session_id, error_rank, error_message
    )
    ON CONFLICT (tenant_id, trace_id) DO UPDATE SET
        start_ns = least(t.start_ns, excluded.start_ns),
        end_ns = greatest(t.end_ns, excluded.end_ns),
        span_count = t.span_count + excluded.span_count,
        error_count = t.error_count + excluded.error_count,
        root_rank = least(t.root_rank, excluded.root_rank),
        root_span_id = CASE
            WHEN (excluded.root_rank, excluded.root_span_id, excluded.root_digest)
                < (t.root_rank, t.root_span_id, t.root_digest)
                THEN excluded.root_span_id
            ELSE t.root_span_id
        END,
        root_digest = CASE
            WHEN (excluded.root_rank, excluded.root_span_id, excluded.root_digest)
                < (t.root_rank, t.root_span_id, t.root_digest)
                THEN excluded.root_digest
            ELSE t.root_digest
        END,
        root_operation_id = CASE
            WHEN (excluded.root_rank, excluded.root_span_id, excluded.root_digest)
                < (t.root_rank, t.root_span_id, t.root_digest)
                THEN excluded.root_operation_id
            ELSE t.root_operation_id
        END,
        root_duration_ns = CASE
            WHEN (excluded.root_rank, excluded.root_span_id, excluded.root_digest)
                < (t.root_rank, t.root_span_id, t.root_digest)
                THEN excluded.root_duration_ns
            ELSE t.root_duration_ns
        END,
        has_root = t.has_root OR excluded.has_root,
        services = CASE
            WHEN t.services @> excluded.services THEN t.services
            ELSE (
                SELECT array_agg(DISTINCT service ORDER BY service)
                FROM unnest(t.services || excluded.services) AS service
            )
        END,
        user_rank = least(t.user_rank, excluded.user_rank),
        user_id = CASE
            WHEN excluded.user_rank IS NULL THEN t.user_id
            WHEN t.user_rank IS NULL THEN excluded.user_id
            WHEN (excluded.user_rank, excluded.user_id) < (t.user_rank, t.user_id)
                THEN excluded.user_id
            ELSE t.user_id
        END,
        session_rank = least(t.session_rank, excluded.session_rank),
        session_id = CASE
            WHEN excluded.session_rank IS NULL THEN t.session_id
            WHEN t.session_rank IS NULL THEN excluded.session_id
            WHEN (excluded.session_rank, excluded.session_id) < (t.session_rank, t.session_id)
                THEN excluded.session_id
            ELSE t.session_id
        END,
        error_rank = least(t.error_rank, excluded.error_rank),
        error_message = CASE
            WHEN excluded.error_rank IS NULL THEN t.error_message
            WHEN t.error_rank IS NULL THEN excluded.error_message
            WHEN (excluded.error_rank, excluded.error_message) < (t.error_rank, t.error_message)
                THEN excluded.error_message
            ELSE t.error_message
        END
    RETURNING t.tenant_id, t.trace_id, t.span_count
)

SELECT tenant_id, trace_id
FROM merged
WHERE span_count > $20
