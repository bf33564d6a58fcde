-- append: add log entries to running jobs.
-- KEYS  1 the partition
-- ARGV  1 clock; then for each entry: id, epoch, seq and kind (25 bytes), data
-- answer  one digit for each: 0 applied, 1 stale

local KIND_PROGRESS = 1
local work, ids, answers = new_work(), {}, {}
for i = 2, #ARGV, 2 do
  ids[#ids + 1] = sub(ARGV[i], 1, 16)
end
load(work, ids)
for i, id in ipairs(ids) do
  local job = known(work, id)
  local epoch, seq, kind = sunpack('<I4I4B', ARGV[2 * i], 17)
  if not job or job.state ~= RUNNING or job.epoch ~= epoch then
    answers[i] = 1
  else
    answers[i] = 0
    if seq > job.seq then
      job.seq, job.hint = seq, true
      record(work, job, kind, job.attempts + 1, ARGV[2 * i + 1])
      if kind == KIND_PROGRESS then
        local kept = sections(job)
        kept[TAIL_PROGRESS] = ARGV[2 * i + 1]
        set_sections(job, kept)
      end
      changed(work, job)
    end
  end
end
commit(work)
return table.concat(answers)
