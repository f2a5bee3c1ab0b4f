-- Inserts spans that have begun, unless they have already ended. The row of their process has the
-- received sequence numbers. A start that was rejected because of the limit may be sent again. This
-- transaction holds the lock of the process row, so start and end of one span wait for each other.
-- A start without a number is looked up among the spans of its trace, whose row is locked too.
INSERT INTO open_spans AS o (
    tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id, scope_id,
    start_ns, received_ns, process_id, sequence, attributes
)
SELECT
    tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id, scope_id,
    start_ns, received_ns, process_id, sequence, attributes
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[]
) AS begun (
    tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id, scope_id,
    start_ns, received_ns, process_id, sequence, attributes
)
WHERE NOT EXISTS (
    SELECT FROM processes AS p
    WHERE p.tenant_id = begun.tenant_id
        AND p.id = begun.process_id
        AND begun.sequence <@ p.received
)
AND NOT (
    begun.sequence IS NULL
    AND EXISTS (
        SELECT FROM trace_spans(begun.tenant_id, begun.trace_id) AS s
        WHERE s.span_id = begun.span_id
    )
)
ON CONFLICT (tenant_id, trace_id, span_id) DO UPDATE SET
    received_ns = excluded.received_ns,
    attributes = excluded.attributes
WHERE o.received_ns < excluded.received_ns
