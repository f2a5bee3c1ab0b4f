-- From a sample of $1 percent of the rows of rollups: the share of each length of windows that began
-- before an instant of that length.
SELECT
    count(*) FILTER (WHERE window_seconds = 900 AND start_ns < $2)::float8 / greatest(count(*), 1),
    count(*) FILTER (WHERE window_seconds = 3600 AND start_ns < $3)::float8 / greatest(count(*), 1),
    count(*) FILTER (WHERE window_seconds = 86400 AND start_ns < $4)::float8 / greatest(count(*), 1)
FROM rollups TABLESAMPLE SYSTEM ($1::real)
