-- A number that is another one once other rows may refer to values of the day.
SELECT hashtextextended(
    concat_ws(
        ' ',
        (
            SELECT concat_ws(' ', count(*), sum(hashint8extended(b.id, 0)))
            FROM (
                SELECT id FROM level0_blocks
                WHERE has_payloads AND first_start_ns < $2 AND last_start_ns >= $1
                UNION ALL
                SELECT id FROM level1_blocks
                WHERE has_payloads AND first_start_ns < $2 AND last_start_ns >= $1
            ) AS b
        ),
        (
            SELECT count(*) FROM events
            WHERE at_ns >= $1 AND at_ns < $2 AND payloads IS NOT NULL
        )
    ),
    0
)
