-- Returns the same rows as log_records.sql for the traces $6, without limits.
SELECT
    e.trace_id,
    e.resource_id = ANY($4::bigint[]) OR e.scope_id = ANY($5::bigint[]) AS is_listed,
    e.attributes,
    e.payloads
FROM events AS e
WHERE e.tenant_id = $1 AND e.trace_id = ANY($6::uuid[])
    AND (
        e.resource_id = ANY($4::bigint[])
        OR e.scope_id = ANY($5::bigint[])
        OR EXISTS (SELECT FROM unnest($2::bytea[]) AS part WHERE position(part IN e.attributes) > 0)
        OR position($3::bytea IN e.payloads) > 0
    )
