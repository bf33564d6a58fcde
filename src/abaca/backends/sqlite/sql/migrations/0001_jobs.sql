-- The first schema: jobs, their logs, totals of ended jobs, worker cards, records. No parameters, no answer.
--
-- A job is one row, found by the 16 bytes of its id; `n` names it inside this file, where a short key saves work.
-- Columns that hold a client's bytes (args, result, progress, data) are TEXT where the bytes are UTF-8 without NUL, and
-- BLOB otherwise. Large arguments are in `bodies`, and `args` is NULL then: every claim and settle writes its row anew,
-- and large rows would be written three times. `options` is a JSON object of the fields that most jobs leave at their
-- default; it is NULL when all of them are. Instants are microseconds since the epoch.
-- `totals` counts ends; `gone` are those that no row shows any more, so that the rows can be recounted. Under state 0 it
-- counts what audits repaired.
-- A live job holds its key: that is the unique index, so ending a job releases its key by itself. `key_scope` is 0 for a
-- key that is held until the end, 1 for one that is held until the claim and 3 once that has come, 2 for one that is held
-- for a period: that one is in `periods`, because it may outlive its job.
-- `limited` says that the options hold limits. A WAITING job that a limit holds back has the bucket in `blocked`, and is in
-- no line then. `permits` are those of RUNNING jobs; `rates` hold when each bucket with a rate will be full again, and
-- when to look again at those parked under it.

CREATE TABLE jobs (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    state INTEGER NOT NULL DEFAULT 0,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    lane TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    task TEXT NOT NULL,
    args ANY,
    key TEXT,
    key_scope INTEGER NOT NULL DEFAULT 0,
    options TEXT,
    own_lease_ms INTEGER,
    created_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    memo BLOB,
    started_at INTEGER,
    claimed_at INTEGER,
    ended_at INTEGER,
    lease_until INTEGER,
    worker TEXT,
    cancel INTEGER NOT NULL DEFAULT 0,
    result ANY,
    error TEXT,
    progress ANY,
    purged INTEGER NOT NULL DEFAULT 0,
    lease_ms INTEGER,
    keep_ms INTEGER NOT NULL DEFAULT 0,
    leaves_at INTEGER,
    settled_epoch INTEGER NOT NULL DEFAULT 0,
    settled_digest BLOB,
    seq INTEGER NOT NULL DEFAULT 0,
    next_entry INTEGER NOT NULL DEFAULT 3,
    trimmed INTEGER NOT NULL DEFAULT 0,
    limited INTEGER NOT NULL DEFAULT 0,
    blocked TEXT
) STRICT;

CREATE INDEX waiting ON jobs (queue, priority DESC, lane DESC, due_at, id) WHERE state = 0 AND blocked IS NULL;
CREATE INDEX parked ON jobs (blocked, queue, lane, priority DESC, due_at, id) WHERE blocked IS NOT NULL;
CREATE INDEX running ON jobs (lease_until, id) WHERE state = 1;
CREATE INDEX ended ON jobs (leaves_at, id) WHERE state >= 2;
CREATE UNIQUE INDEX keys ON jobs (key) WHERE key IS NOT NULL AND state < 2 AND key_scope < 2;

CREATE TABLE periods (
    key TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ending_periods ON periods (ends_at);

CREATE TABLE permits (
    bucket TEXT NOT NULL,
    holder BLOB NOT NULL,
    PRIMARY KEY (bucket, holder)
) STRICT, WITHOUT ROWID;

CREATE INDEX holders ON permits (holder);

CREATE TABLE rates (
    bucket TEXT NOT NULL PRIMARY KEY,
    full_at INTEGER NOT NULL DEFAULT 0,
    interval_us INTEGER NOT NULL,
    burst INTEGER NOT NULL,
    refill_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX refills ON rates (refill_at, bucket) WHERE refill_at IS NOT NULL;

CREATE TABLE bodies (
    job INTEGER PRIMARY KEY,
    args ANY NOT NULL
) STRICT;

CREATE TABLE log (
    job BLOB NOT NULL,
    entry INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    data ANY NOT NULL,
    PRIMARY KEY (job, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX trimmed_log ON log (job, entry) WHERE kind IN ('progress', 'log');

CREATE TABLE totals (
    state INTEGER NOT NULL PRIMARY KEY,
    jobs INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO totals (state, jobs) VALUES (0, 0), (2, 0), (3, 0), (4, 0);

CREATE TABLE cards (
    worker TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL,
    card TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    data ANY NOT NULL,
    expires_ms INTEGER,
    expires_at INTEGER,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX expiring ON records (expires_at) WHERE expires_at IS NOT NULL;
