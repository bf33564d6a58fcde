-- Makes the edges to a job from those of its parents that are here.
-- :parents  JSON array of [id in hexadecimal, wants]
-- :id       the job, as 16 bytes; it has no edges now, and is no parent of itself
-- Answers nothing.
INSERT INTO edges (parent, child, wants)
SELECT parents.n, (SELECT n FROM jobs WHERE id = :id), named.value ->> 1
FROM json_each(:parents) AS named
CROSS JOIN jobs AS parents ON parents.id = unhex(named.value ->> 0)
WHERE parents.id <> :id;
