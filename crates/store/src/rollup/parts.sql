-- Windows of $1 seconds that begin in $2..$3, those of an operation one after the other. A cursor reads
-- each row once, however many operations there are and by whichever index.
DECLARE rollup_parts NO SCROLL CURSOR FOR
SELECT tenant_id, operation_id, span_count, error_count, max_ns, sketch
FROM rollups
WHERE bucket = 0 AND window_seconds = $1 AND start_ns >= $2 AND start_ns < $3
ORDER BY tenant_id, operation_id
