WITH named AS (
    INSERT INTO attribute_keys (tenant_id, id, name)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])
    ON CONFLICT DO NOTHING
)
INSERT INTO aliases (tenant_id, trace_id, key_id, day_ns, value)
SELECT *
FROM unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::text[])
ON CONFLICT DO NOTHING
