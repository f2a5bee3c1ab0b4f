DELETE FROM dropped_spans
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM dropped_spans
    WHERE minute_ns < $1
    LIMIT $2
))
