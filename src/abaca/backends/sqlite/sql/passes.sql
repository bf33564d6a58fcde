-- The passes of tenants in a queue and priority.
-- :queue, :priority
-- Answers (tenant, pass).
SELECT tenant, pass FROM passes WHERE queue = :queue AND priority = :priority;
