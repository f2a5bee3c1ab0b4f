
) AS page
LEFT JOIN resources AS resource
    ON resource.tenant_id = page.tenant_id AND resource.id = page.resource_id
LEFT JOIN services AS service
    ON service.tenant_id = page.tenant_id AND service.id = resource.service_id
WHERE page.bytes_before < 
