-- Prelude: how a transition is applied to running jobs.

local SETTLE = '<I4BBI4I4i8i8c8I2'
local S_DELAY, S_RESULT, S_ERROR, S_MEMO = 1, 2, 4, 8
local KIND_ERROR = 5

-- The transition that starts at ARGV[at], for all runs whose ids come next; answers it and where the next one starts.
local function read_settle(at)
  local epoch, target, flags, attempts, losses, delay, keep, digest, followers = sunpack(SETTLE, ARGV[at])
  local it = {
    epoch = epoch, target = target, attempts = attempts, losses = losses, delay = delay, keep = keep, digest = digest,
    delayed = band(flags, S_DELAY) ~= 0, followers = followers, ids = {}, ends = {},
  }
  local blob = ARGV[at + 1]
  for first = 1, #blob - 15, 16 do
    it.ids[#it.ids + 1] = sub(blob, first, first + 15)
  end
  at = at + 2
  if band(flags, S_RESULT) ~= 0 then
    it.result, at = ARGV[at], at + 1
  end
  if band(flags, S_ERROR) ~= 0 then
    it.error, at = ARGV[at], at + 1
  end
  if band(flags, S_MEMO) ~= 0 then
    it.memo, at = ARGV[at], at + 1
  end
  it.first_follower = at
  it.plain = target ~= WAITING and epoch == 1 and not it.error and not it.memo and followers == 0
  return it, at + 2 * followers
end

local function set_tail(job, it)
  if job.kinds == 0 and not it.error and not it.memo then
    if it.result then
      job.kinds, job.tail = TAIL_RESULT, pack('<I4', #it.result) .. it.result
    end
    return
  end
  local old = sections(job)
  set_sections(job, {
    [TAIL_MEMO] = it.memo, [TAIL_ERROR] = it.error or old[TAIL_ERROR], [TAIL_PROGRESS] = old[TAIL_PROGRESS],
    [TAIL_RESULT] = it.result,
  })
end

-- What stands before the short record of a job that `it` ends, for all jobs with this head of a leased record; and the
-- group of their lease.
local function done_head(work, it, leased)
  local _, size, claimed, lease_until = sunpack(LEASED_HEAD, leased)
  if size < LEASED_SIZE then
    return nil
  end
  local result = it.result
  local head = pack(DONE_HEAD, DONE, it.target, result and TAIL_RESULT or 0, it.attempts, it.losses, claimed, now, it.keep)
    .. it.digest
  if result then
    head = head .. pack('<I4', #result) .. result
  end
  it.until_when = it.until_when or score_text(now + it.keep * 1000)
  local known = {head = head, group = lease_group(work, lease_until)}
  it.ends[leased] = known
  return known
end

-- The usual end of a first run without error, memo, log, key or follow-up, straight from the packed record. Answers
-- whether it was that; otherwise nothing is noted, and `settle` judges.
local function settle_plain(work, it, id, key)
  local value = work.raw[id]
  if not value or work.jobs[id] ~= nil then
    return false
  end
  local form, size = byte(value, 1, 2)
  if form ~= LEASED or #value < size + 20 then
    return false
  end
  local flags = byte(value, size + (byte(value, size + 1) == FRESH and 12 or 20))
  if band(flags, HAS_KEY) ~= 0 then
    return false
  end
  local leased = sub(value, 1, size)
  local done = it.ends[leased] or done_head(work, it, leased)
  if not done then
    return false
  end
  value = done.head .. sub(value, size + 1)
  work.raw[id] = value
  local values, ends, group = work.values, work.ends, done.group
  local count = #values
  values[count + 1], values[count + 2] = key, value
  count = #ends
  ends[count + 1], ends[count + 2] = it.until_when, id
  work.hints[#work.hints + 1] = id
  group.change = group.change - 1
  it.ended = (it.ended or 0) + 1
  return true
end

-- Answers '0' applied, '1' stale, '2' refused because of a cancel.
local function settle_one(work, it, id)
  local job = known(work, id)
  if not job then
    return '1'
  end
  if job.state ~= RUNNING or job.epoch ~= it.epoch then
    return job.settled == it.epoch and job.digest == it.digest and '0' or '1'
  end
  if it.target == WAITING and job.cancel then
    return '2'
  end
  job.settled, job.digest, job.revision = it.epoch, it.digest, job.revision + 1
  job.attempts, job.losses = it.attempts, it.losses
  release_permits(work, job)
  set_tail(job, it)
  if it.error then
    record(work, job, KIND_ERROR, it.attempts, it.error)
  end
  if it.target == WAITING then
    leave_lease(work, job)
    job.state, job.worker, job.lease_until, job.lease = WAITING, '', 0, 0
    if it.delayed then
      job.due = now + it.delay * 1000
    end
    enter(work, job.id, job.static, job.due)
    job.hint = true
  else
    finish(work, job, it.target, it.keep)
  end
  changed(work, job)
  for i = it.first_follower, it.first_follower + 2 * it.followers - 2, 2 do
    local follower = sub(ARGV[i], 1, 16)
    if work.jobs[follower] == nil and not work.raw[follower] then
      look(work, {follower})
    end
    enter_new(work, ARGV[i], ARGV[i + 1])
  end
  return '0'
end

-- Applies transitions, whose number is ARGV[count_at], to their runs in order. Answers the unit of work and verdicts as
-- one string.
local function settle_all(count_at)
  local work, all, ids = new_work(), {}, {}
  local at = count_at + 1
  for i = 1, tonumber(ARGV[count_at]) do
    all[i], at = read_settle(at)
    for _, id in ipairs(all[i].ids) do
      ids[#ids + 1] = id
    end
  end
  local keys, verdicts, done = load(work, ids), {}, 0
  for _, it in ipairs(all) do
    for _, id in ipairs(it.ids) do
      done = done + 1
      verdicts[done] = it.plain and settle_plain(work, it, id, keys[done]) and '0' or settle_one(work, it, id)
    end
    if it.ended then
      work.totals[TOTAL[it.target]] = (work.totals[TOTAL[it.target]] or 0) + it.ended
    end
  end
  return work, table.concat(verdicts)
end
