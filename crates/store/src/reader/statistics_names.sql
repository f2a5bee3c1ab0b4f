-- The root operations of what is selected, each looked up once. The service is asked of each: the
-- planner thinks there are few operations, and would join them to all services.
SELECT
    operation.id,
    operation.name AS operation,
    (
        SELECT service.name
        FROM services AS service
        WHERE service.tenant_id = operation.tenant_id AND service.id = operation.service_id
    ) AS service
FROM (SELECT DISTINCT tenant_id, root_operation_id FROM selected) AS root
JOIN operations AS operation
    ON operation.tenant_id = root.tenant_id AND operation.id = root.root_operation_id
