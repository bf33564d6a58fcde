-- The words of a space were written anew. Parameters: seconds, space.
UPDATE vector_swept SET is_swept = 0, tidied_at = ? WHERE space = ?
