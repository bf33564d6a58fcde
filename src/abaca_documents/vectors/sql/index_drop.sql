-- Forget the indices of spaces that are gone.
DELETE FROM vector_indices WHERE space NOT IN (SELECT id FROM vector_spaces)
