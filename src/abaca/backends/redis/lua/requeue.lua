-- requeue: put ended jobs back to waiting, due now, with nothing left of their runs.
-- KEYS  1 the partition
-- ARGV  1 clock; then id and epoch (20 bytes) for each
-- answer  one digit for each: 0 requeued, 1 its key is held, 2 stale, 3 unknown

local KIND_STATUS = 0
local work, ids, answers = new_work(), {}, {}

local function requeue(job, epoch)
  if not job or job.purged then
    return 3
  end
  if job.epoch == epoch and job.state == WAITING and job.attempts == 0 and job.losses == 0 then
    return 0
  end
  if job.epoch ~= epoch or job.state < COMPLETED then
    return 2
  end
  local key = key_of(job.static)
  if key and band(byte(job.static, 4), KEY_PERIOD) == 0 then
    if holder(work, key) then
      return 1
    end
    hold_key(work, key, job.id)
  end
  record(work, job, KIND_STATUS, job.attempts, '"' .. TOTAL[job.state] .. '"')
  record(work, job, KIND_STATUS, 0, '"requeued"')
  move(work, ENDED, job.id, false)
  note_gone(work, job.state)
  local old = job.state
  job.state, job.cancel, job.ended, job.attempts, job.losses = WAITING, false, 0, 0, 0
  job.kinds, job.tail, job.revision, job.due, job.hint = 0, '', job.revision + 1, now, true
  wait_anew(work, job)
  changed(work, job)
  if job.parent then
    reopen_children(work, job, old)
  end
  return 0
end

for i = 2, #ARGV do
  ids[#ids + 1] = sub(ARGV[i], 1, 16)
end
load(work, ids)
for i, id in ipairs(ids) do
  answers[i] = requeue(known(work, id), (sunpack('<I4', ARGV[i + 1], 17)))
end
commit(work)
serve(work)
return table.concat(answers)
