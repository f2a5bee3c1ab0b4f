
) AS page
LEFT JOIN operations AS root
    ON root.tenant_id = page.tenant_id AND root.id = page.root_operation_id
LEFT JOIN services AS root_service
    ON root_service.tenant_id = page.tenant_id AND root_service.id = root.service_id
ORDER BY page.start_ns DESC, page.trace_id DESC
