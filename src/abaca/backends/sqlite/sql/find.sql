-- Jobs that answer a search, newest id first, among the first :budget below a cursor.
-- :below    16 bytes or more; only ids below it
-- :budget   how many jobs to look at
-- :limit    how many to answer
-- :now      the instant that tells due from later
-- :status   JSON array of statuses, or null
-- :queue, :task, :key, :owner, :tenant, :parent, :tag  exact values, or null
-- :after, :before  bounds of created_at, both exclusive, or null
-- :text     UTF-8 bytes to look for in the id, the task's name and the arguments, or null
-- A tombstone is found by its id and its status alone.
-- Answers (id in hexadecimal), in order.
SELECT lower(hex(id))
FROM (SELECT * FROM jobs WHERE id < :below ORDER BY id DESC LIMIT :budget) AS seen
WHERE
    (
        :status IS NULL
        OR CASE state
            WHEN 0 THEN CASE
                WHEN blocked IS NOT NULL THEN 'blocked'
                ELSE iif(due_at <= :now, 'queued', iif(attempts, 'retrying', 'scheduled'))
            END
            WHEN 1 THEN 'running'
            WHEN 2 THEN 'completed'
            WHEN 3 THEN 'failed'
            WHEN 4 THEN 'cancelled'
        END IN (SELECT value FROM json_each(:status))
    )
    AND (
        NOT purged
        OR coalesce(:queue, :task, :key, :owner, :tenant, :parent, :tag, :after, :before) IS NULL
    )
    AND (:queue IS NULL OR queue = :queue)
    AND (:task IS NULL OR task = :task)
    AND (:key IS NULL OR key = :key)
    AND (:after IS NULL OR created_at > :after)
    AND (:before IS NULL OR created_at < :before)
    AND (:owner IS NULL OR CASE WHEN json_valid(options) THEN options ->> 'owner' = :owner END)
    AND (:tenant IS NULL OR CASE WHEN json_valid(options) THEN options ->> 'tenant' = :tenant END)
    AND (:parent IS NULL OR CASE WHEN json_valid(options) THEN options ->> 'parent' = :parent END)
    AND (
        :tag IS NULL
        OR CASE WHEN json_valid(options) THEN :tag IN (SELECT value FROM json_each(options, '$.tags')) END
    )
    AND (
        :text IS NULL
        OR instr(CAST(lower(hex(id)) AS BLOB), :text)
        OR (NOT purged AND instr(CAST(task AS BLOB), :text))
        OR (NOT purged AND instr(CAST(coalesce(args, (SELECT args FROM bodies WHERE job = seen.n)) AS BLOB), :text))
    )
LIMIT :limit;
