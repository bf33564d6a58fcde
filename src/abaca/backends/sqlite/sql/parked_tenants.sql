-- The first and the last tenant with jobs that are parked out of the ordinary lines of a queue and priority.
-- :queue, :priority
-- Answers (first, last), null where there is none.
SELECT
    (
        SELECT tenant
        FROM jobs
        WHERE blocked > '' AND deadline_at IS NULL AND queue = :queue AND priority = :priority
        ORDER BY tenant
        LIMIT 1
    ),
    (
        SELECT tenant
        FROM jobs
        WHERE blocked > '' AND deadline_at IS NULL AND queue = :queue AND priority = :priority
        ORDER BY tenant DESC
        LIMIT 1
    );
