-- Stores a new job that is WAITING. A known id stores nothing.
-- :id, :queue, :priority, :lane, :due_at, :task  id as 16 bytes
-- :args          null when they are large
-- :key, :key_scope, :options, :own_lease_ms  or null, but for the scope
-- :limited       whether its options hold limits
-- :tenant        empty where there is none
-- :deadline_at   or null
-- :now           the instant of the insert
-- Answers nothing.
INSERT INTO jobs (
    id, queue, priority, lane, due_at, task, args, key, key_scope, options, own_lease_ms, limited, tenant, deadline_at,
    created_at
)
VALUES (
    :id, :queue, :priority, :lane, :due_at, :task, :args, :key, :key_scope, :options, :own_lease_ms, :limited, :tenant,
    :deadline_at, :now
)
ON CONFLICT DO NOTHING;
