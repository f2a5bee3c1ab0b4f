-- Counts are cumulative, so the greatest count is the latest.
INSERT INTO process_drops AS d (tenant_id, process_id, reason, span_count)
SELECT tenant_id, process_id, reason, span_count
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[])
    AS told (tenant_id, process_id, reason, span_count)
ON CONFLICT (tenant_id, process_id, reason) DO UPDATE SET
    span_count = greatest(d.span_count, excluded.span_count)
