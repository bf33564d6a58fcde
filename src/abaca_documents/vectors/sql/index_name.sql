-- Name the index of a space that has none. Parameters: space, name.
INSERT INTO vector_indices (space, name) VALUES (?, ?) ON CONFLICT (space) DO NOTHING
