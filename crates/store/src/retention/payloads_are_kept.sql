-- Whether any row of the day that is kept refers to a payload; $3: only pinned traces are kept.
SELECT
    EXISTS (
        SELECT
        FROM spans AS s
        JOIN traces AS t USING (tenant_id, trace_id)
        LEFT JOIN pins AS p USING (tenant_id, trace_id)
        WHERE s.start_ns >= $1 AND s.start_ns < $2 AND s.payloads IS NOT NULL
            AND (NOT $3 OR p.trace_id IS NOT NULL)
    )
    OR EXISTS (
        SELECT
        FROM events AS e
        LEFT JOIN pins AS p USING (tenant_id, trace_id)
        WHERE e.at_ns >= $1 AND e.at_ns < $2 AND e.payloads IS NOT NULL
            AND (NOT $3 OR p.trace_id IS NOT NULL)
    )
