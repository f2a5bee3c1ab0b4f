-- Selects the starts, in the order of arrival, that exceed the limit of $4 open spans of their
-- trace. A start that is already stored does not exceed it.
WITH fresh AS (
    SELECT
        told.tenant_id, told.trace_id, told.span_id,
        row_number() OVER (
            PARTITION BY told.tenant_id, told.trace_id ORDER BY min(told.place)
        ) AS place
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
        WITH ORDINALITY AS told (tenant_id, trace_id, span_id, place)
    WHERE NOT EXISTS (
        SELECT
        FROM open_spans AS o
        WHERE o.tenant_id = told.tenant_id
            AND o.trace_id = told.trace_id
            AND o.span_id = told.span_id
        OFFSET 0
    )
    GROUP BY told.tenant_id, told.trace_id, told.span_id
)

SELECT fresh.tenant_id, fresh.trace_id, fresh.span_id
FROM fresh
JOIN (
    SELECT trace.tenant_id, trace.trace_id, open.span_count
    FROM (SELECT DISTINCT tenant_id, trace_id FROM fresh) AS trace
    CROSS JOIN LATERAL (
        SELECT count(*) AS span_count
        FROM (
            SELECT
            FROM open_spans AS o
            WHERE o.tenant_id = trace.tenant_id AND o.trace_id = trace.trace_id
            LIMIT $4
        ) AS o
    ) AS open
) AS trace USING (tenant_id, trace_id)
WHERE fresh.place > $4 - trace.span_count
