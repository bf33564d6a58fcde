-- The index of a space, whose name is NULL where it has none. Parameters: space. Answers one row or none: name, metric.
SELECT i.name, s.metric FROM vector_spaces AS s LEFT JOIN vector_indices AS i ON i.space = s.id WHERE s.id = ?
