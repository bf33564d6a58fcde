-- Edges between jobs, the line of deadlines, turns of tenants, aging. No parameters, no answer.
--
-- An edge leads from a parent to a child, by their `n`; `wants` says what end it asks for: 0 for a completion, 1 for any
-- other end, 2 for any at all. Edges of a child that has ended mean nothing and go with its row. What a child asked for
-- is in `asked`, as JSON: with ten thousand parents it is large, and the child's row is written at each of their ends.
-- `open_parents` and `unmet` are the child's counts; `unmet` is NULL for a job without parents. A WAITING job with open
-- parents is `blocked` by the empty name, which is no bucket's, and so is in no line. `parental` says of a job that
-- edges may lead from it, so that the end of any other needs no look.
-- `deadline_at` is that of a WAITING job with `start_within_ms` that was never claimed: such jobs are in the line of
-- deadlines. No other job has one, so the indexes of that line need not look at the state.
-- `late` counts, by queue, those that were claimed after it. `tenant` is empty for a job without one. What is known of
-- the turns of a queue and priority is its time in `turns`, and in `passes` the pass of each tenant that is above it.
-- `ages` counts the claims of queues that age. A job is parked in a line of its bucket, queue, lane and tenant, or of
-- deadlines; `parked_tenants` tells which tenants have such jobs.

ALTER TABLE jobs ADD COLUMN open_parents INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN unmet INTEGER;
ALTER TABLE jobs ADD COLUMN parental INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN deadline_at INTEGER;
ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';

UPDATE jobs SET tenant = options ->> 'tenant' WHERE json_valid(options) AND options ->> 'tenant' IS NOT NULL;

DROP INDEX waiting;
DROP INDEX parked;

CREATE INDEX waiting ON jobs (queue, priority DESC, lane DESC, tenant, due_at, id)
WHERE state = 0 AND blocked IS NULL AND deadline_at IS NULL;
CREATE INDEX deadlines ON jobs (queue, priority DESC, lane DESC, deadline_at, id)
WHERE deadline_at IS NOT NULL AND blocked IS NULL;
CREATE INDEX dated ON jobs (queue, priority DESC, lane DESC, due_at, id)
WHERE deadline_at IS NOT NULL AND blocked IS NULL;
CREATE INDEX parked ON jobs (
    blocked, queue, lane, iif(deadline_at IS NULL, ':' || tenant, ''), priority DESC, coalesce(deadline_at, due_at), id
) WHERE blocked IS NOT NULL;
CREATE INDEX parked_tenants ON jobs (queue, priority, tenant) WHERE blocked > '' AND deadline_at IS NULL;

CREATE TABLE late (
    queue TEXT NOT NULL PRIMARY KEY,
    jobs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE turns (
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (queue, priority)
) STRICT, WITHOUT ROWID;

CREATE TABLE passes (
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    pass INTEGER NOT NULL,
    PRIMARY KEY (queue, priority, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE ages (
    queue TEXT NOT NULL PRIMARY KEY,
    claims INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE edges (
    parent INTEGER NOT NULL,
    child INTEGER NOT NULL,
    wants INTEGER NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

CREATE INDEX edges_to ON edges (child);

CREATE TABLE asked (
    child INTEGER PRIMARY KEY,
    after TEXT NOT NULL
) STRICT;
