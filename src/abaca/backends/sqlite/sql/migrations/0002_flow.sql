-- Edges between jobs. No parameters, no answer.
--
-- An edge leads from a parent to a child, by their `n`; `wants` says what end it asks for: 0 for a completion, 1 for any
-- other end, 2 for any at all. Edges of a child that has ended mean nothing and go with its row. What a child asked for
-- is in `asked`, as JSON: with ten thousand parents it is large, and the child's row is written at each of their ends.
-- `open_parents` and `unmet` are the child's counts; `unmet` is NULL for a job without parents. A WAITING job with open
-- parents is `blocked` by the empty name, which is no bucket's, and so is in no line. `parental` says of a job that
-- edges may lead from it, so that the end of any other needs no look.

ALTER TABLE jobs ADD COLUMN open_parents INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN unmet INTEGER;
ALTER TABLE jobs ADD COLUMN parental INTEGER NOT NULL DEFAULT 0;

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
