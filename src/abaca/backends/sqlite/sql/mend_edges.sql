-- Removes the edges from a parent of which an end is gone, or that lead to a tombstone.
-- :n  the parent
-- Answers nothing.
DELETE FROM edges
WHERE
    parent = :n AND (
        NOT EXISTS (SELECT 1 FROM jobs WHERE n = parent)
        OR NOT EXISTS (SELECT 1 FROM jobs WHERE n = child AND NOT purged)
    );
