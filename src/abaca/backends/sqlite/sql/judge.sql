-- What the store needs to judge calls about some runs.
-- :ids  JSON array of ids in hexadecimal
-- Answers (id as 16 bytes, state, epoch, cancel, settled_epoch, settled_digest, attempts, seq, next_entry, trimmed,
-- parental, unmet) for each id that is known.
SELECT
    jobs.id, jobs.state, jobs.epoch, jobs.cancel, jobs.settled_epoch, jobs.settled_digest, jobs.attempts, jobs.seq,
    jobs.next_entry, jobs.trimmed, jobs.parental, jobs.unmet
FROM json_each(:ids) AS wanted
CROSS JOIN jobs ON jobs.id = unhex(wanted.value);
