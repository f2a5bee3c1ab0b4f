SELECT p.hash, p.day_ns, p.byte_count, p.content
FROM unnest($2::uuid[], $3::bigint[]) AS wanted (hash, day_ns)
JOIN payloads AS p
    ON p.tenant_id = $1 AND p.hash = wanted.hash AND p.day_ns = wanted.day_ns
