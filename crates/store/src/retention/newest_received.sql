-- Returns when the newest stored data was received, in ns; NULL when nothing is stored. Of traces and
-- events, the latest hundred of each tenant stand for all.
SELECT greatest(
    (
        SELECT max((extract(epoch FROM written_at) * 1000000)::bigint * 1000)
        FROM level0_blocks
    ),
    (
        SELECT max(newest.received_ns)
        FROM (SELECT DISTINCT tenant_id FROM services) AS tenant
        CROSS JOIN LATERAL (
            SELECT t.received_ns
            FROM traces AS t
            WHERE t.tenant_id = tenant.tenant_id
            ORDER BY t.start_ns DESC
            LIMIT 100
        ) AS newest
    ),
    (
        SELECT max(newest.received_ns)
        FROM (SELECT DISTINCT tenant_id FROM services) AS tenant
        CROSS JOIN LATERAL (
            SELECT e.received_ns
            FROM events AS e
            WHERE e.tenant_id = tenant.tenant_id
            ORDER BY e.at_ns DESC
            LIMIT 100
        ) AS newest
    )
)
