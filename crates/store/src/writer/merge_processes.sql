-- Merges the process reports of a commit: each column is a least value, a greatest value or a
-- union. The input is sorted by key, so that two servers lock the same rows in the same order. When
-- there are too many gaps, the surplus gaps are dropped, as if their numbers had been received.
INSERT INTO processes AS p (
    tenant_id, id, resource_id, first_seen_ns, last_seen_ns, next_sequence, settled_sequence,
    ended_ns, forgotten_below, received, rejected
)
SELECT
    told.tenant_id, told.id, told.resource_id, told.seen_ns, told.seen_ns, told.next_sequence,
    told.settled_sequence, told.ended_ns, bound.below,
    told.received::int8multirange + int8multirange(int8range(0, bound.below)),
    told.rejected::int8multirange * int8multirange(int8range(bound.below, NULL))
FROM unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::text[], $9::text[]
) AS told (
    tenant_id, id, resource_id, seen_ns, next_sequence, settled_sequence, ended_ns, received,
    rejected
)
CROSS JOIN LATERAL (
    SELECT greatest(
        forget_below(told.received::int8multirange), forget_below(told.rejected::int8multirange)
    ) AS below
) AS bound
ON CONFLICT (tenant_id, id) DO UPDATE SET
    (
        first_seen_ns, last_seen_ns, next_sequence, settled_sequence, ended_ns, forgotten_below,
        received, rejected
    ) = (
        SELECT
            least(p.first_seen_ns, excluded.first_seen_ns),
            greatest(p.last_seen_ns, excluded.last_seen_ns),
            greatest(p.next_sequence, excluded.next_sequence),
            greatest(p.settled_sequence, excluded.settled_sequence),
            least(p.ended_ns, excluded.ended_ns),
            bound.below,
            whole.received + int8multirange(int8range(0, bound.below)),
            whole.rejected * int8multirange(int8range(bound.below, NULL))
        FROM (
            SELECT
                p.received + excluded.received AS received,
                p.rejected + excluded.rejected AS rejected
        ) AS whole
        CROSS JOIN LATERAL (
            SELECT greatest(
                p.forgotten_below, excluded.forgotten_below,
                forget_below(whole.received), forget_below(whole.rejected)
            ) AS below
        ) AS bound
    )
