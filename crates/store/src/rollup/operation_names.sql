-- Returns the names and kinds of operations of a tenant.
SELECT operation.id, service.name AS service, operation.name, operation.kind
FROM operations AS operation
LEFT JOIN services AS service
    ON service.tenant_id = operation.tenant_id AND service.id = operation.service_id
WHERE operation.tenant_id = $1 AND operation.id = ANY ($2)
