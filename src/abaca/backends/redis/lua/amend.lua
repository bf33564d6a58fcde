-- amend: change or delete waiting or ended jobs.
-- KEYS  1 the partition
-- ARGV  1 clock; then for each change: fixed part (id 16, flags 1, revision wanted 8, revision read 8, due time 8) and
--       the new static part, or empty.
--       flags: 1 delete, 2 drop result, 4 due at an instant, 8 due after a delay in ms, 16 moves (refused once ended).
--       A revision of -1 fits any. A new static part was made of the revision read; another answers 4, read it again.
--       So does a new time of a job with open parents and a delay, of which it takes the place, and one without a new
--       static part of a job in the line of deadlines, because that takes it out of there.
-- answer  one digit for each: 0 applied, 1 busy, 2 stale, 3 unknown, 4 read again
-- flags: allow-oom

local DELETE, DROP_RESULT, DUE_AT, DUE_IN, MOVES = 1, 2, 4, 8, 16
local work, ids, answers = new_work(), {}, {}

local function delete(job)
  release_key(work, job)
  drop_log(work, job)
  if job.state >= COMPLETED then
    note_gone(work, job.state)
  else
    leave_parents(work, job)
  end
  if job.parent then
    if job.state == WAITING then
      count_end(work, job, CANCELLED)
    end
    work.gone[#work.gone + 1] = base .. 'c:' .. job.id
  end
  move(work, ENDED, job.id, false)
  work.gone[#work.gone + 1] = base .. 'j:' .. job.id
  work.jobs[job.id], job.deleted = false, true
  changed(work, job)
end

local function judge(job, flags, wanted, seen, static)
  if not job or job.purged then
    return 3
  elseif job.state == RUNNING then
    return 1
  elseif wanted >= 0 and wanted ~= job.revision then
    return 2
  end
  local ended = job.state >= COMPLETED
  if (ended and band(flags, MOVES) ~= 0) or (not ended and band(flags, DROP_RESULT) ~= 0) then
    return 2
  end
  if seen >= 0 and seen ~= job.revision then
    return 4
  elseif band(flags, DUE_AT + DUE_IN) == 0 or band(flags, DELETE) ~= 0 then
    return 0
  end
  static = static ~= '' and static or job.static
  return (job.open and delay_of(static) > 0 or kinds.of(static, job.epoch) == 'd') and 4 or 0
end

local function amend(job, flags, number, static)
  job.revision, job.hint = job.revision + 1, true
  if job.state == WAITING then
    leave(work, job)
  end
  if band(flags, DELETE) ~= 0 then
    return delete(job)
  end
  if band(flags, DROP_RESULT) ~= 0 then
    local kept = sections(job)
    kept[TAIL_RESULT] = nil
    set_sections(job, kept)
  end
  if static ~= '' then
    job.static = static
  end
  if band(flags, DUE_AT) ~= 0 then
    job.due = number
  elseif band(flags, DUE_IN) ~= 0 then
    job.due = now + number * 1000
  end
  if job.open then
    if band(flags, DUE_AT + DUE_IN) ~= 0 then
      no_delay(work, job.id)
    end
    block(work, job.id, job.static, job.due)
  elseif job.state == WAITING then
    enter(work, job.id, job.static, job.due, job.epoch)
  end
  changed(work, job)
end

for i = 2, #ARGV, 2 do
  ids[#ids + 1] = sub(ARGV[i], 1, 16)
end
load(work, ids)
for i, id in ipairs(ids) do
  local flags, wanted, seen, number = sunpack('<Bi8i8i8', ARGV[2 * i], 17)
  local job = known(work, id)
  answers[i] = judge(job, flags, wanted, seen, ARGV[2 * i + 1])
  if answers[i] == 0 then
    amend(job, flags, number, ARGV[2 * i + 1])
  end
end
commit(work)
serve(work)
return table.concat(answers)
