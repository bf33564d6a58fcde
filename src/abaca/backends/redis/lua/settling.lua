-- Prelude: how a transition is applied to a running job.

local SETTLE = '<c16I4BBI4I4i8i8c8I2'
local S_DELAY, S_RESULT, S_ERROR, S_MEMO = 1, 2, 4, 8
local KIND_ERROR = 5

-- The settle that starts at ARGV[fixed], its variable parts at ARGV[at]; answers it and where the next parts are.
local function read_settle(fixed, at)
  local id, epoch, target, flags, attempts, losses, delay, keep, digest, followers = sunpack(SETTLE, ARGV[fixed])
  local result, problem, memo
  if band(flags, S_RESULT) ~= 0 then
    result, at = ARGV[at], at + 1
  end
  if band(flags, S_ERROR) ~= 0 then
    problem, at = ARGV[at], at + 1
  end
  if band(flags, S_MEMO) ~= 0 then
    memo, at = ARGV[at], at + 1
  end
  local it = {
    id = id, epoch = epoch, target = target, attempts = attempts, losses = losses, delay = delay, keep = keep,
    digest = digest, delayed = band(flags, S_DELAY) ~= 0, result = result, error = problem, memo = memo,
    first_follower = at, followers = followers,
  }
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

-- The usual end of a run without error, memo, log, key or follow-up, straight from the packed record. Answers whether it
-- was that; otherwise nothing is noted, and `settle` judges.
local function settle_plain(work, it)
  local value = work.raw[it.id]
  if not value or work.jobs[it.id] ~= nil or it.target == WAITING or it.error or it.memo or it.followers > 0
    or #value < HEADER_SIZE + 5 then
    return false
  end
  local form, state, kinds, epoch, revision, _, _, seq, _, _, created, due, started, claimed, _, _, _, _, next_entry,
    tail_size, worker_size = sunpack(HEADER, value)
  local static_at = HEADER_SIZE + worker_size + 1
  if form ~= FULL or state ~= RUNNING or kinds ~= 0 or tail_size ~= 0 or epoch ~= it.epoch
    or #value < static_at + 4 or band(byte(value, static_at + 3), HAS_KEY) ~= 0 then
    return false
  end
  local result = it.result
  local head = pack(HEADER, FULL, it.target, result and TAIL_RESULT or 0, epoch, revision + 1, it.attempts, it.losses,
    seq, epoch, it.digest, created, due, started, claimed, now, 0, 0, it.keep, next_entry, result and 4 + #result or 0, 0)
  if result then
    head = head .. pack('<I4', #result) .. result
  end
  value = head .. sub(value, static_at)
  work.raw[it.id] = value
  work.values[#work.values + 1] = base .. 'j:' .. it.id
  work.values[#work.values + 1] = value
  note_end(work, it.id, it.target, it.keep)
  work.hints[#work.hints + 1] = it.id
  if #value <= HINT_LIMIT then
    work.payloads[it.id] = value
  end
  return true
end

-- Answers 0 applied, 1 stale, 2 refused because of a cancel.
local function settle(work, it)
  if settle_plain(work, it) then
    return 0
  end
  local job = known(work, it.id)
  if not job then
    return 1
  end
  if job.state ~= RUNNING or job.epoch ~= it.epoch then
    return job.settled == it.epoch and job.digest == it.digest and 0 or 1
  end
  if it.target == WAITING and job.cancel then
    return 2
  end
  job.settled, job.digest, job.revision = it.epoch, it.digest, job.revision + 1
  job.attempts, job.losses = it.attempts, it.losses
  set_tail(job, it)
  if it.error then
    record(work, job, KIND_ERROR, it.attempts, it.error)
  end
  if it.target == WAITING then
    move(work, LEASES, job.id, false)
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
    local id = sub(ARGV[i], 1, 16)
    if work.jobs[id] == nil and not work.raw[id] then
      look(work, {id})
    end
    enter_new(work, ARGV[i], ARGV[i + 1])
  end
  return 0
end
