-- Returns the sequence number ranges that processes reported, around the numbers of one trace. $2:
-- processes. $3, $4: the lowest and the highest sequence number of each process in the trace.
SELECT
    p.id,
    p.last_seen_ns,
    p.settled_sequence,
    p.ended_ns IS NOT NULL AS has_ended,
    p.forgotten_below,
    ARRAY(SELECT lower(gap) FROM unnest(near.gaps) AS gap) AS gap_starts,
    ARRAY(SELECT upper(gap) FROM unnest(near.gaps) AS gap) AS gap_ends,
    ARRAY(SELECT lower(gap) FROM unnest(near.gaps * p.rejected) AS gap) AS rejected_starts,
    ARRAY(SELECT upper(gap) FROM unnest(near.gaps * p.rejected) AS gap) AS rejected_ends,
    ARRAY(
        SELECT o.sequence
        FROM open_spans AS o
        WHERE o.tenant_id = p.tenant_id AND o.process_id = p.id AND o.sequence IS NOT NULL
        ORDER BY o.sequence DESC
        -- A correct process does not have more running spans than this.
        LIMIT 10000
    ) AS open,
    (
        SELECT coalesce(sum(upper(gap) - lower(gap)), 0)::bigint
        FROM unnest(
            int8multirange(int8range(0, p.settled_sequence)) - p.received - p.rejected
        ) AS gap
    ) AS missing,
    (
        SELECT coalesce(sum(d.span_count), 0)::bigint
        FROM process_drops AS d
        WHERE d.tenant_id = p.tenant_id AND d.process_id = p.id
    ) AS dropped,
    ARRAY(
        SELECT d.reason
        FROM process_drops AS d
        WHERE d.tenant_id = p.tenant_id AND d.process_id = p.id AND d.span_count > 0
    ) AS drop_reasons
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS wanted (id, least, greatest)
JOIN processes AS p ON p.tenant_id = $1 AND p.id = wanted.id
CROSS JOIN LATERAL (
    SELECT int8multirange(int8range(
        greatest(wanted.least - 1000, 0),
        greatest(
            greatest(wanted.least - 1000, 0),
            least(wanted.greatest + 1001, p.next_sequence)
        )
    )) - p.received AS gaps
) AS near
