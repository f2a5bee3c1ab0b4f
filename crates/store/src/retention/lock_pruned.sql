-- One page of the traces that lost what they had before an instant, in the order of their keys: locked
-- as writers do. Pinned traces lost nothing, nor did those that came later.
SELECT t.trace_id
FROM traces AS t
WHERE t.tenant_id = $1 AND t.trace_id > $3 AND t.received_ns < $2
    AND NOT EXISTS (
        SELECT FROM pins WHERE pins.tenant_id = $1 AND pins.trace_id = t.trace_id
    )
ORDER BY t.tenant_id, t.trace_id
LIMIT $4
FOR UPDATE OF t
