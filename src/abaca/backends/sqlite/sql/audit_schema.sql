-- The tables and indexes of the file, but for those that SQLite makes for itself. No parameters.
-- Answers (type, name, statement).
SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\';
