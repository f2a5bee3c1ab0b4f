-- Returns a running span in the form of a span that ended at its start.
SELECT
    o.span_id, o.parent_span_id, o.operation_id, o.resource_id, o.scope_id,
    o.start_ns, 0::bigint AS duration_ns, o.received_ns, NULL::integer AS flags,
    NULL::integer AS dropped_attributes_count, NULL::integer AS dropped_events_count,
    NULL::integer AS dropped_links_count,
    0::smallint AS status,
    NULL::text AS trace_state, NULL::text AS status_message, o.attributes,
    NULL::bytea AS events, NULL::bytea AS links, NULL::bytea AS payloads
FROM open_spans AS o
WHERE o.tenant_id = $1 AND o.trace_id = $2 AND o.span_id = $3
