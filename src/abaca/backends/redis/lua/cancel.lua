-- cancel: end waiting jobs, flag running ones.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 how long a cancelled job is kept that says nothing else, in ms; then ids
-- answer  one digit for each id: 0 ended now, 1 flagged, 2 had ended, 3 unknown
-- flags: allow-oom

local work, ids, answers = new_work(), {}, {}
for i = 3, #ARGV do
  ids[#ids + 1] = ARGV[i]
end
load(work, ids)
for i, id in ipairs(ids) do
  local job = known(work, id)
  if not job then
    answers[i] = 3
  elseif job.state >= COMPLETED then
    answers[i] = 2
  elseif job.state == RUNNING then
    job.cancel, job.hint = true, true
    changed(work, job)
    answers[i] = 1
  else
    leave(work, job)
    job.revision = job.revision + 1
    finish(work, job, CANCELLED, own_cancel_keep(job.static) or tonumber(ARGV[2]))
    changed(work, job)
    answers[i] = 0
  end
end
commit(work)
serve(work)
return table.concat(answers)
