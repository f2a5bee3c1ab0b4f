-- Four tables in one answer, told apart by `section`, so that all figures are of one moment:
-- 0 over everything, 1 by stretch of time, 2 by root operation, 3 by user.
SELECT
    0::smallint AS section,
    NULL::bigint AS bucket,
    NULL::text AS service,
    NULL::text AS name,
    count(*) AS trace_count,
    count(*) FILTER (WHERE has_error) AS error_count,
    percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ns) AS percentiles,
    max(duration_ns) AS max_ns,
    max(start_ns) AS last_start_ns
FROM selected
UNION ALL
SELECT
    1::smallint,
    (start_ns - from_ns) / bucket_ns,
    NULL,
    NULL,
    count(*),
    count(*) FILTER (WHERE has_error),
    percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ns),
    max(duration_ns),
    max(start_ns)
FROM selected, bounds
GROUP BY 2
UNION ALL
(
    SELECT
        2::smallint,
        NULL,
        named.service,
        named.operation,
        count(*),
        count(*) FILTER (WHERE has_error),
        percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ns),
        max(duration_ns),
        max(start_ns)
    FROM selected
    JOIN named ON named.id = root_operation_id
    GROUP BY named.service, named.operation
    ORDER BY count(*) DESC, named.service, named.operation
    LIMIT (SELECT max_rows FROM bounds)
)
UNION ALL
(
    SELECT
        3::smallint,
        NULL,
        NULL,
        user_id,
        count(*),
        count(*) FILTER (WHERE has_error),
        percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ns),
        max(duration_ns),
        max(start_ns)
    FROM selected
    WHERE user_id IS NOT NULL
    GROUP BY user_id
    ORDER BY count(*) DESC, user_id
    LIMIT (SELECT max_rows FROM bounds)
)
