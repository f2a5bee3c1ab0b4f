-- Sizes as stored: compressed, long values included. 160 bytes are what the fixed columns take.
SELECT
    service.name AS service,
    operation.name AS operation,
    s.byte_count,
    s.attributes
FROM (
    SELECT
        tenant_id, operation_id, attributes,
        160::bigint + coalesce(pg_column_size(attributes), 0) + coalesce(pg_column_size(events), 0)
            + coalesce(pg_column_size(links), 0) + coalesce(pg_column_size(status_message), 0)
            AS byte_count
    FROM spans TABLESAMPLE SYSTEM ($2)
    WHERE tenant_id = $1
    LIMIT $3
) AS s
LEFT JOIN operations AS operation
    ON operation.tenant_id = s.tenant_id AND operation.id = s.operation_id
LEFT JOIN services AS service
    ON service.tenant_id = s.tenant_id AND service.id = operation.service_id
