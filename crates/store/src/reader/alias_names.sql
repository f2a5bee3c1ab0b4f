-- Which names a value has: one descent of an index each.
-- $1 tenant, $2 value as aliases keep it, $3 as sessions, $4 as events; $5 and $6 name the latter two.
SELECT k.name
FROM attribute_keys AS k
WHERE
    k.tenant_id = $1
    AND EXISTS (
        SELECT FROM aliases AS a
        WHERE a.tenant_id = k.tenant_id AND a.key_id = k.id AND a.value = $2
    )
UNION
SELECT $5
WHERE EXISTS (
    SELECT FROM traces AS t
    WHERE
        t.tenant_id = $1
        AND t.session_id = $3
        AND text_hash(t.tenant_id, t.session_id) = text_hash($1, $3)
)
UNION
SELECT $6
WHERE EXISTS (
    SELECT FROM events AS e
    WHERE e.tenant_id = $1 AND e.trace_id IS NOT NULL AND e.correlation_id = $4
)
