-- Returns the dictionary entries that may pass a test. Each row is of one kind: 0 operation, 1
-- resource, 2 scope. $1: tenant. $2: true to read operations. $3: true for all operations; else
-- only
-- those whose folded name contains one of $4 or is unknown, with a kind in $5, or with a service in $6. $7,
-- $8: true to read resources and scopes. $9: true for all; else only those whose attributes contain
-- one of $10.
SELECT
    0::smallint AS section, o.id, o.kind, o.name, s.name AS service, NULL::bytea AS attributes
FROM operations AS o
LEFT JOIN services AS s ON s.tenant_id = o.tenant_id AND s.id = o.service_id
WHERE $2 AND o.tenant_id = $1
    AND (
        $3
        OR o.kind = ANY($5::smallint[])
        OR o.service_id = ANY($6::bigint[])
        OR (
            cardinality($4::text[]) > 0
            AND (
                o.name_folded IS NULL
                OR EXISTS (SELECT FROM unnest($4::text[]) AS part WHERE strpos(o.name_folded, part) > 0)
            )
        )
    )
UNION ALL
SELECT 1::smallint, r.id, NULL, NULL, NULL, r.attributes
FROM resources AS r
WHERE $7 AND r.tenant_id = $1
    AND ($9 OR EXISTS (SELECT FROM unnest($10::bytea[]) AS part WHERE position(part IN r.attributes) > 0))
UNION ALL
SELECT 2::smallint, c.id, NULL, NULL, NULL, c.attributes
FROM scopes AS c
WHERE $8 AND c.tenant_id = $1
    AND ($9 OR EXISTS (SELECT FROM unnest($10::bytea[]) AS part WHERE position(part IN c.attributes) > 0))
