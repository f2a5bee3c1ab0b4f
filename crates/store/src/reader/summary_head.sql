SELECT
    page.trace_id,
    page.start_ns,
    page.end_ns,
    page.root_duration_ns,
    page.has_root,
    page.span_count,
    page.error_count,
    page.error_message,
    page.user_id,
    page.session_id,
    root.name AS root_name,
    root.kind AS root_kind,
    root_service.name AS root_service,
    EXISTS (
        SELECT FROM pins AS pin
        WHERE pin.tenant_id = page.tenant_id AND pin.trace_id = page.trace_id
    ) AS is_pinned,
    open.has_open,
    open.seen_ns AS open_seen_ns,
    ARRAY(
        SELECT service.name
        FROM services AS service
        WHERE service.tenant_id = page.tenant_id AND service.id = ANY(page.services)
        ORDER BY service.name
        LIMIT 64
    ) AS services,
    cardinality(page.services) > 64 AS has_more_services
FROM (
