DELETE FROM rollups
WHERE ctid = ANY (ARRAY(SELECT ctid FROM rollups WHERE start_ns < $1 LIMIT $2))
