-- Returns the log records of traces that may have an attribute of a value. $1: tenant. $2: byte
-- strings of which the encoded attributes contain one. $3: hash of the value as a payload. $4, $5:
-- resources and scopes that have the value. $6: if there are more records than this, the result is
-- one row of NULLs. $7: maximum number of rows.
WITH size AS MATERIALIZED (
    SELECT count(*) AS records FROM (SELECT FROM events WHERE tenant_id = $1 LIMIT $6 + 1) AS e
)
SELECT
    NULL::uuid AS trace_id, false AS is_listed, NULL::bytea AS attributes, NULL::bytea AS payloads
FROM size
WHERE records > $6
UNION ALL
(
    SELECT
        e.trace_id,
        e.resource_id = ANY($4::bigint[]) OR e.scope_id = ANY($5::bigint[]),
        e.attributes,
        e.payloads
    FROM events AS e
    WHERE (SELECT records FROM size) <= $6 AND e.tenant_id = $1 AND e.trace_id IS NOT NULL
        AND (
            e.resource_id = ANY($4::bigint[])
            OR e.scope_id = ANY($5::bigint[])
            OR EXISTS (SELECT FROM unnest($2::bytea[]) AS part WHERE position(part IN e.attributes) > 0)
            OR position($3::bytea IN e.payloads) > 0
        )
    LIMIT $7
)
