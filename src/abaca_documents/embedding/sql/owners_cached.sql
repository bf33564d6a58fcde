-- Documents with vectors in the cache, in order. Parameters: above which, how many. Answers rows: document.
SELECT DISTINCT owner FROM cached_owners WHERE owner > ? ORDER BY owner LIMIT ?
