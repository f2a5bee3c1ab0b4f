
) AS page
LEFT JOIN operations AS root
    ON root.tenant_id = page.tenant_id AND root.id = page.root_operation_id
LEFT JOIN services AS root_service
    ON root_service.tenant_id = page.tenant_id AND root_service.id = root.service_id
-- Reads running spans. For a trace with more than 16, only 16 of them determine the state.
CROSS JOIN LATERAL (
    SELECT
        count(*) > 0 AS has_open,
        max(p.last_seen_ns) FILTER (WHERE p.ended_ns IS NULL) AS seen_ns
    FROM (
        SELECT o.tenant_id, o.process_id
        FROM open_spans AS o
        WHERE o.tenant_id = page.tenant_id AND o.trace_id = page.trace_id
        LIMIT 16
    ) AS o
    LEFT JOIN processes AS p ON p.tenant_id = o.tenant_id AND p.id = o.process_id
) AS open
ORDER BY page.start_ns DESC, page.trace_id DESC
