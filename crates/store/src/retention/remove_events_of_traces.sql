-- Removes some events of traces. Returns the time of each one that refers to large values, else NULL.
DELETE FROM events AS e
USING (
    SELECT at_ns, digest
    FROM events
    WHERE tenant_id = $1 AND trace_id = ANY ($2)
    ORDER BY at_ns, digest
    LIMIT $3
) AS gone
WHERE e.tenant_id = $1 AND e.at_ns = gone.at_ns AND e.digest = gone.digest
RETURNING CASE WHEN e.payloads IS NOT NULL THEN e.at_ns END
