-- The root operations of what is selected, each looked up once.
SELECT operation.id, operation.name AS operation, service.name AS service
FROM (SELECT DISTINCT tenant_id, root_operation_id FROM selected) AS root
JOIN operations AS operation
    ON operation.tenant_id = root.tenant_id AND operation.id = root.root_operation_id
JOIN services AS service
    ON service.tenant_id = operation.tenant_id AND service.id = operation.service_id
