-- Make a space. Parameters: collection, number, dimension, metric. Answers its id, which no other space ever had.
INSERT INTO vector_spaces (collection, number, dimension, metric) VALUES (?, ?, ?, ?) RETURNING id
