-- Nobody owns a hash of which no vector is left. Parameters: hash.
DELETE FROM cached_owners
WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM cached_vectors AS v WHERE v.hash = ?1)
