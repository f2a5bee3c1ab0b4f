-- Marks all days of some traces. Days are counted from the last one of the archive, which stands for all
-- of it.
INSERT INTO erased_payload_days (day_ns)
SELECT DISTINCT day_ns
FROM traces AS t
CROSS JOIN day_archive
CROSS JOIN LATERAL generate_series(
    greatest(t.start_ns, boundary_ns - 86400000000000) / 86400000000000 * 86400000000000,
    greatest(t.end_ns, boundary_ns - 86400000000000),
    86400000000000
) AS day_ns
WHERE t.tenant_id = $1 AND t.trace_id = ANY ($2)
ON CONFLICT DO NOTHING
