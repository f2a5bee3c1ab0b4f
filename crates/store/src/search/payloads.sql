-- Returns the payloads of days $3 to $4 by hash, each once.
SELECT DISTINCT ON (p.hash) p.hash, p.byte_count, p.content
FROM payloads AS p
WHERE p.tenant_id = $1 AND p.hash = ANY($2::uuid[]) AND p.day_ns BETWEEN $3 AND $4
