-- The indices of the spaces that are there. Answers rows: name.
SELECT name FROM vector_indices WHERE space IN (SELECT id FROM vector_spaces)
