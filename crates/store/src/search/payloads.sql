-- Large values by their hashes, each once, of the days $3..$4.
SELECT DISTINCT ON (p.hash) p.hash, p.byte_count, p.content
FROM payloads AS p
WHERE p.tenant_id = $1 AND p.hash = ANY($2::uuid[]) AND p.day_ns BETWEEN $3 AND $4
