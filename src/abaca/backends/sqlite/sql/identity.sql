-- Whose file this is. No parameters; one statement, so that all three are of one moment.
-- Answers (application_id, user_version, whether there is any table).
SELECT
    (SELECT application_id FROM pragma_application_id),
    (SELECT user_version FROM pragma_user_version),
    EXISTS (SELECT 1 FROM sqlite_schema);
