-- Removes a record.
-- :kind, :id
-- Answers nothing.
DELETE FROM records WHERE kind = :kind AND id = :id;
