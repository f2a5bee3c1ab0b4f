-- Sets the time of arrival of events that were stored more than $1 ns before they were sent again. The
-- rows all conflict, but for those that were removed meanwhile.
INSERT INTO events
SELECT s.*
FROM staged_events AS s
WHERE EXISTS (
    SELECT
    FROM events AS e
    WHERE e.tenant_id = s.tenant_id
        AND e.at_ns = s.at_ns
        AND e.digest = s.digest
        AND e.received_ns < s.received_ns - $1
    OFFSET 0
)
ORDER BY s.tenant_id, s.at_ns, s.digest
ON CONFLICT (tenant_id, at_ns, digest) DO UPDATE
SET received_ns = greatest(events.received_ns, excluded.received_ns)
