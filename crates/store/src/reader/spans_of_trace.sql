-- A page of the spans of a trace. The lengths of their columns are added up on the way, as they were
-- before Postgres compressed them, and are read without them; the first is always on the page.
SELECT *
FROM (
    SELECT
        page.*,
        coalesce(
            sum(
                200 + coalesce(octet_length(attributes), 0) + coalesce(octet_length(events), 0)
                + coalesce(octet_length(links), 0)
            ) OVER (
                ORDER BY start_ns, span_id, digest
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0
        ) AS bytes_before
    FROM (
        SELECT
            span_id, parent_span_id, operation_id, resource_id, scope_id,
            start_ns, duration_ns, received_ns, flags,
            dropped_attributes_count, dropped_events_count, dropped_links_count,
            kind, status, trace_state, status_message, attributes, events, links, payloads, digest
        FROM spans
        WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4
            AND (start_ns, span_id, digest) > ($5, $6, $7)
        ORDER BY start_ns, span_id, digest
        LIMIT $8
    ) AS page
) AS measured
WHERE bytes_before < $9
ORDER BY start_ns, span_id, digest
