-- Returns the ends of the newest stored windows of an hour and of a day, and the current time, in
-- ns.
SELECT
    coalesce(
        (SELECT max(start_ns) FROM rollups WHERE bucket = 0 AND window_seconds = 3600) + 3600000000000,
        -9223372036854775808
    ) AS hours_before_ns,
    coalesce(
        (SELECT max(start_ns) FROM rollups WHERE bucket = 0 AND window_seconds = 86400) + 86400000000000,
        -9223372036854775808
    ) AS days_before_ns,
    (extract(epoch FROM now()) * 1000000)::bigint * 1000 AS now_ns
