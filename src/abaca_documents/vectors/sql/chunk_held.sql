-- The chunks of a generation, to be deleted. Parameters: holding. Answers rows.
SELECT id, text, headings, is_parent FROM vector_chunks WHERE holding = ?
