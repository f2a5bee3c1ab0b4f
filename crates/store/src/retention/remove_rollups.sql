DELETE FROM rollups
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM rollups
    WHERE bucket = 0 AND window_seconds = ANY ($3) AND start_ns < $1
    LIMIT $2
))
