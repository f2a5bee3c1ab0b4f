-- Returns the spans that services reported as dropped in a range. $4: the services; NULL for all. A
-- sampler leaves spans out on purpose, so these are not counted.
SELECT service.name AS service, s.reason, sum(s.span_count)::bigint AS span_count
FROM dropped_spans AS s
JOIN services AS service ON service.tenant_id = s.tenant_id AND service.id = s.service_id
WHERE s.tenant_id = $1 AND s.minute_ns >= $2 AND s.minute_ns < $3
    AND ($4::bigint[] IS NULL OR s.service_id = ANY ($4::bigint[]))
    AND s.reason <> $5
GROUP BY service.name, s.reason
ORDER BY span_count DESC, service.name, s.reason
LIMIT $6
