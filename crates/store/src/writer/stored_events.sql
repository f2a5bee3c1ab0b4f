-- OFFSET 0 forces one look-up in the unique index for each row. As a join, a plan without
-- statistics may read the whole table.
SELECT asked.tenant_id, asked.at_ns, asked.digest, stored.received_ns
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS asked (tenant_id, at_ns, digest)
CROSS JOIN LATERAL (
    SELECT e.received_ns
    FROM events AS e
    WHERE e.tenant_id = asked.tenant_id
        AND e.at_ns = asked.at_ns
        AND e.digest = asked.digest
    OFFSET 0
) AS stored
