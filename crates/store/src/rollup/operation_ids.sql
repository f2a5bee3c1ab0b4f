-- Returns the operations of a tenant by the exact names of service and operation. NULL matches any.
SELECT operation.id
FROM operations AS operation
JOIN services AS service
    ON service.tenant_id = operation.tenant_id AND service.id = operation.service_id
WHERE operation.tenant_id = $1
    AND ($2::text IS NULL OR service.name = $2) AND ($3::text IS NULL OR operation.name = $3)
