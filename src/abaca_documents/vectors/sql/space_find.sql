-- A space. Parameters: collection, number. Answers one row or none: id, dimension, metric.
SELECT id, dimension, metric FROM vector_spaces WHERE collection = ? AND number = ?
