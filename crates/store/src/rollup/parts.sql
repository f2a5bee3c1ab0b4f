-- Reads the windows of $1 seconds that start in $2..$3, grouped by operation. The cursor reads each
-- row once, for any number of operations and with any index.
DECLARE rollup_parts NO SCROLL CURSOR FOR
SELECT tenant_id, operation_id, span_count, error_count, max_ns, sketch
FROM rollups
WHERE bucket = 0 AND window_seconds = $1 AND start_ns >= $2 AND start_ns < $3
ORDER BY tenant_id, operation_id
