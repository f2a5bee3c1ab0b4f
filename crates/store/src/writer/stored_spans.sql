-- Which of these spans are stored, and whether the directory has their trace: what it has not is what
-- retention has removed and not swept out yet. OFFSET 0 keeps it one look into the unique index for
-- each: joined, a plan without statistics may read the whole table.
SELECT
    digest,
    EXISTS (
        SELECT
        FROM traces AS t
        WHERE t.tenant_id = asked.tenant_id AND t.trace_id = asked.trace_id
        OFFSET 0
    ) AS is_listed
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS asked (tenant_id, trace_id, span_id, start_ns, digest)
WHERE EXISTS (
    SELECT
    FROM spans AS s
    WHERE s.tenant_id = asked.tenant_id
        AND s.trace_id = asked.trace_id
        AND s.span_id = asked.span_id
        AND s.start_ns = asked.start_ns
        AND s.digest = asked.digest
    OFFSET 0
)
