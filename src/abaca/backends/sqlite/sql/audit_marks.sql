-- Jobs from which edges lead and that are not marked, so that the children would not hear of their ends.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT n, id, 'edges lead from it, and it is not marked as a parent'
FROM jobs
WHERE n BETWEEN :first AND :last AND NOT parental AND EXISTS (SELECT 1 FROM edges WHERE parent = n);
