-- From a sample of $2 percent of the rows of traces: the share of the rows that are as old as the past
-- days ($1 is the start of today), and the share of their spans that pins keep.
WITH past AS (
    SELECT
        count(*) AS row_count,
        count(*) FILTER (WHERE greatest(end_ns, received_ns) < $1) AS past_count,
        coalesce(sum(span_count) FILTER (WHERE greatest(end_ns, received_ns) < $1), 0)::float8 AS span_count
    FROM traces TABLESAMPLE SYSTEM ($2::real)
),
pinned AS (
    SELECT coalesce(sum(span_count), 0)::float8 AS span_count
    FROM pins
    JOIN traces USING (tenant_id, trace_id)
    WHERE greatest(end_ns, received_ns) < $1
)
SELECT
    past.past_count::float8 / greatest(past.row_count, 1) AS past_share,
    least(pinned.span_count * $2::real / 100 / greatest(past.span_count, 1), 1)::float8 AS pinned_share
FROM past, pinned
