-- Those of the newest $5 traces before a place ($3, $4) that have a span of this id, ended or open:
-- one look at an index for each trace, since no index leads from a span to its trace.
SELECT t.trace_id
FROM (
    SELECT t.tenant_id, t.trace_id, t.start_ns, t.end_ns
    FROM traces AS t
    WHERE t.tenant_id = $1 AND (t.start_ns, t.trace_id) < ($3, $4)
    ORDER BY t.start_ns DESC, t.trace_id DESC
    LIMIT $5
) AS t
CROSS JOIN LATERAL (
    SELECT FROM (
        SELECT FROM spans AS s
        WHERE s.tenant_id = t.tenant_id
            AND s.trace_id = t.trace_id
            AND s.span_id = $2
            AND s.start_ns BETWEEN t.start_ns AND t.end_ns
        UNION ALL
        SELECT FROM open_spans AS o
        WHERE o.tenant_id = t.tenant_id AND o.trace_id = t.trace_id AND o.span_id = $2
    ) AS named
    LIMIT 1
) AS named
LIMIT $6
