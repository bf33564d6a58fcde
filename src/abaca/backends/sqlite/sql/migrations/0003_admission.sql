-- The pace of claims. No parameters, no answer.
--
-- Of each queue that can be full: the slice of time in which its latest claim was counted, how many jobs were claimed in it
-- and how long they took, the same of the slice before, and when the latest claim was.

CREATE TABLE paces (
    queue TEXT NOT NULL PRIMARY KEY,
    slice INTEGER NOT NULL,
    claims INTEGER NOT NULL,
    busy_us INTEGER NOT NULL,
    claims_before INTEGER NOT NULL,
    busy_us_before INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
