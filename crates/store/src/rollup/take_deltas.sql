-- Rows until they have $1 deltas, one row at least. By ctid, because the table has no key; nobody else
-- deletes or updates its rows meanwhile.
WITH taken AS (
    DELETE FROM rollup_deltas
    WHERE ctid = ANY (ARRAY(
        SELECT waiting.ctid
        FROM (
            SELECT
                first.ctid,
                sum(first.delta_count) OVER (ORDER BY first.ctid) - first.delta_count
                    AS deltas_before
            FROM (SELECT ctid, delta_count FROM rollup_deltas LIMIT 10000) AS first
        ) AS waiting
        WHERE waiting.deltas_before < $1
    ))
    RETURNING *
)

SELECT
    taken.tenant_id, delta.operation_id, delta.start_ns,
    delta.span_count, delta.error_count, delta.max_ns, delta.sketch
FROM taken
CROSS JOIN LATERAL unnest(
    taken.operation_ids, taken.starts_ns,
    taken.span_counts, taken.error_counts, taken.maxes_ns, taken.sketches
) AS delta (operation_id, start_ns, span_count, error_count, max_ns, sketch)
