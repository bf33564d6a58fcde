-- Prelude: how a transition is applied to running jobs.

local settle_all

do
  local SETTLE = '<I4BBI4I4i8i8c8I2'
  local S_DELAY, S_RESULT, S_ERROR, S_MEMO, S_EACH = 1, 2, 4, 8, 16
  local KIND_ERROR = 5

  -- Cuts the list of runs into ids and, where each has a result of its own, digests and results as a record has them.
  local function read_runs(it, blob, each)
    local ids, pieces, at, count = it.ids, it.pieces, 1, 0
    while at < #blob do
      count = count + 1
      ids[count] = sub(blob, at, at + 15)
      at = at + 16
      if each then
        local size = sunpack('<I4', blob, at + 8)
        pieces[count] = sub(blob, at, at + 11 + size)
        at = at + 12 + size
      end
    end
  end

  -- The transition that starts at ARGV[at], for all the runs that come next; answers it and where the next one starts.
  local function read_settle(at)
    local epoch, target, flags, attempts, losses, delay, keep, digest, followers = sunpack(SETTLE, ARGV[at])
    local each = band(flags, S_EACH) ~= 0
    local it = {
      epoch = epoch, target = target, attempts = attempts, losses = losses, delay = delay, keep = keep, digest = digest,
      delayed = band(flags, S_DELAY) ~= 0, followers = followers, ids = {}, pieces = {}, heads = {},
    }
    read_runs(it, ARGV[at + 1], each)
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
    it.kinds = (it.result or each) and TAIL_RESULT or 0
    it.piece = it.result and digest .. pack('<I4', #it.result) .. it.result or digest
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
      [TAIL_RESULT] = it.result, [TAIL_PARENTS] = old[TAIL_PARENTS],
    })
  end

  -- What a record of a job that `it` ends begins with, for all jobs with this head of a leased record; and the group of
  -- their lease.
  local function done_head(work, it, leased)
    local _, _, claimed, lease_until = sunpack(LEASED_HEAD, leased)
    it.until_when = it.until_when or score_text(now + it.keep * 1000)
    local known = {
      head = pack(DONE_HEAD, DONE, it.target, it.kinds, it.attempts, it.losses, claimed, now, it.keep),
      group = lease_group(work, lease_until),
    }
    it.heads[leased] = known
    return known
  end

  -- How long the head of a leased record is whose job holds no key; nil for any other record.
  local function plain_size(value)
    local form, size = byte(value, 1, 2)
    if form ~= LEASED or size < LEASED_SIZE or #value < size + 20 then
      return nil
    end
    local flags = byte(value, size + (byte(value, size + 1) == FRESH and 12 or 20))
    return band(flags, HAS_KEY) == 0 and size or nil
  end

  -- The usual end of a first run without error, memo, log, key or follow-up, straight from the packed record. Answers
  -- whether it was that; otherwise nothing is noted, and `settle` judges.
  local function settle_plain(work, it, id, key, piece)
    local value = work.raw[id]
    if not value or work.jobs[id] ~= nil then
      return false
    end
    local size = plain_size(value)
    if not size then
      return false
    end
    local leased = sub(value, 1, size)
    local done = it.heads[leased] or done_head(work, it, leased)
    value = done.head .. piece .. sub(value, size + 1)
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

  -- Settles one run, at ARGV[at], that comes to such an end, in place of `settle_all`; answers whether it did.
  function straight.settle(at)
    local epoch, target, flags, attempts, losses, _, keep, _, followers = sunpack(SETTLE, ARGV[at])
    local blob = ARGV[at + 1]
    if flags ~= S_EACH or epoch ~= 1 or target == WAITING or followers > 0 or #blob ~= 28 + sunpack('<I4', blob, 25) then
      return false
    end
    local id = sub(blob, 1, 16)
    local key = base .. 'j:' .. id
    local value = call('GET', key)
    local size = value and plain_size(value)
    if not size then
      return false
    end
    local _, _, claimed, lease_until = sunpack(LEASED_HEAD, value)
    local instant = score_text(lease_until)
    prove('ZCARD', base .. 'leases')
    prove('ZCARD', ENDED)
    prove('HLEN', base .. 'totals')
    if call('HINCRBY', base .. 'running', instant, '-1') <= 0 then
      drop_group(instant)
    end
    value = pack(DONE_HEAD, DONE, target, TAIL_RESULT, attempts, losses, claimed, now, keep) .. sub(blob, 17)
      .. sub(value, size + 1)
    call('SET', key, value)
    call('ZADD', ENDED, score_text(now + keep * 1000), id)
    call('HINCRBY', base .. 'totals', TOTAL[target], '1')
    tell({id}, {[id] = value})
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
      if unmet_of(job) > 0 then
        wait_anew(work, job)
      else
        enter(work, job.id, job.static, job.due, job.epoch)
      end
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
      enter_new(work, ARGV[i], ARGV[i + 1], true)
    end
    return '0'
  end

  -- Applies transitions, whose number is ARGV[count_at], to their runs in order. Answers the unit of work and verdicts as
  -- one string.
  function settle_all(count_at)
    local work, all, ids = lazy_work(), {}, {}
    local at = count_at + 1
    for i = 1, tonumber(ARGV[count_at]) do
      all[i], at = read_settle(at)
      for _, id in ipairs(all[i].ids) do
        ids[#ids + 1] = id
      end
    end
    local keys, verdicts, done = load(work, ids), {}, 0
    for _, it in ipairs(all) do
      for i, id in ipairs(it.ids) do
        local piece = it.pieces[i] or it.piece
        done = done + 1
        if it.plain and settle_plain(work, it, id, keys[done], piece) then
          verdicts[done] = '0'
        else
          if it.pieces[i] then
            it.digest, it.result = sub(piece, 1, 8), sub(piece, 13)
          end
          verdicts[done] = settle_one(work, it, id)
        end
      end
      if it.ended then
        work.totals[TOTAL[it.target]] = (work.totals[TOTAL[it.target]] or 0) + it.ended
      end
    end
    return work, table.concat(verdicts)
  end
end
