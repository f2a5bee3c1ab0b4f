-- What a commit learns of processes: a least, a greatest or a union each. The input is sorted by
-- key, so that two servers lock the same rows in the same order.
INSERT INTO processes AS p (
    tenant_id, id, resource_id, first_seen_ns, last_seen_ns, next_sequence, settled_sequence,
    ended_ns, received, rejected
)
SELECT
    tenant_id, id, resource_id, seen_ns, seen_ns, next_sequence, settled_sequence,
    ended_ns, received::int8multirange, rejected::int8multirange
FROM unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::text[], $9::text[]
) AS told (
    tenant_id, id, resource_id, seen_ns, next_sequence, settled_sequence, ended_ns, received,
    rejected
)
ON CONFLICT (tenant_id, id) DO UPDATE SET
    first_seen_ns = least(p.first_seen_ns, excluded.first_seen_ns),
    last_seen_ns = greatest(p.last_seen_ns, excluded.last_seen_ns),
    next_sequence = greatest(p.next_sequence, excluded.next_sequence),
    settled_sequence = greatest(p.settled_sequence, excluded.settled_sequence),
    ended_ns = least(p.ended_ns, excluded.ended_ns),
    received = p.received + excluded.received,
    rejected = p.rejected + excluded.rejected
