-- Sets a tenant's pass in a queue and priority.
-- :queue, :priority, :tenant, :pass
-- Answers nothing.
INSERT INTO passes (queue, priority, tenant, pass)
VALUES (:queue, :priority, :tenant, :pass)
ON CONFLICT (queue, priority, tenant) DO UPDATE SET pass = excluded.pass;
