-- Prelude: limits. A bucket has permits, held by RUNNING jobs, and a rate of starts. A job that one of its buckets
-- holds back is parked: it leaves its line and stands under the bucket, in a line of the same order, until a permit comes
-- back, the rate allows a start, or settings change.
--
--   b:<bucket>        set         the jobs that hold a permit; each names its buckets in its record as well
--   rates             sorted set  buckets by when they are full again; one that is not there is full
--   p:<place>         sorted set  parked jobs in their order; the place is "<bytes of the bucket>:<bucket>:<spot>", and the
--                                 spot a line, "d:<line>" for jobs that are ordered by deadline, or
--                                 "m<bytes of the tenant>:<tenant>:<line>" for those that name a tenant
--   i:<bucket>        sorted set  the spots that have jobs parked under a bucket, by -priority
--   parks             set         the places
--   refills           sorted set  buckets under which jobs are parked because of a rate, by when it allows a start; at 1
--                                 those whose settings changed while too many were parked: each claim lets more back
--   refilling         hash        interval in us (8) and burst (4) of those

-- What other preludes use; the rest stays inside, because a library may have no more than 200 local names at its top.
local MOST_PARKED = 1000
local spots = {}
local blocked_by, unblock, exhausted, take_permits, park, unpark, release_permits
local leave, refill, fill_up, settings_changed

do
  local BLOCKED_AT_ONCE, FIRST_PAGE = 100, 8
  local LET_BACK = 1

  function spots.place(bucket, spot)
    return #bucket .. ':' .. bucket .. ':' .. spot
  end

  -- Where a job stands when it is parked, and its score there.
  function spots.of(job)
    local text, kind, of_kind = line_of(job.static), kinds.of(job.static, job.epoch)
    if kind == 'd' then
      return 'd:' .. text, job.due + of_kind * 1000, text
    elseif kind == 'm' then
      return 'm' .. #of_kind .. ':' .. of_kind .. ':' .. text, job.due, text, of_kind
    end
    return text, job.due, text, ''
  end

  -- The bucket, the spot and its line in a place, and the tenant, nil where the spot is of deadlines.
  function spots.read(place)
    local size = string.match(place, '^%d+')
    local at = #size + 2
    local bucket, spot = sub(place, at, at + size - 1), sub(place, at + size + 1)
    if sub(spot, 1, 2) == 'd:' then
      return bucket, spot, sub(spot, 3)
    elseif sub(spot, 1, 1) == 'm' then
      size = string.match(spot, '^m(%d+):')
      at = #size + 3
      return bucket, spot, sub(spot, at + size + 1), sub(spot, at, at + size - 1)
    end
    return bucket, spot, spot, ''
  end

  local function permits_held(work, bucket)
    local held = work.running[bucket]
    if not held then
      held = call('SCARD', base .. 'b:' .. bucket)
      work.running[bucket] = held
    end
    return held
  end

  -- When a bucket is full again; a clock that stepped back makes that no longer than it can take.
  local function full_at(work, limit)
    local known = work.rates[limit.bucket]
    if known == nil then
      known = tonumber(call('ZSCORE', base .. 'rates', limit.bucket) or nil) or 0
      work.rates[limit.bucket] = known
    end
    return math.min(known, now + limit.interval * limit.burst)
  end

  -- The first limit that lets no further job start, and when it will where a rate says so.
  function exhausted(work, limits)
    for _, limit in ipairs(limits) do
      if limit.concurrency and permits_held(work, limit.bucket) >= limit.concurrency then
        return limit
      end
      if limit.rate then
        local allowed = full_at(work, limit) - limit.interval * (limit.burst - 1)
        if allowed > now then
          return limit, allowed
        end
      end
    end
  end

  -- Counts a start in every bucket; the job remembers of which it holds a permit.
  function take_permits(work, job, limits)
    local permits = {}
    for _, limit in ipairs(limits) do
      work.passed[limit.bucket] = limit
      if limit.rate then
        local full = math.max(full_at(work, limit), now) + limit.interval
        work.rates[limit.bucket] = full
        move(work, base .. 'rates', limit.bucket, full)
      end
      if limit.concurrency then
        work.running[limit.bucket] = permits_held(work, limit.bucket) + 1
        permits[#permits + 1] = limit.bucket
        work.permits[#work.permits + 1] = {'SADD', base .. 'b:' .. limit.bucket, job.id}
      end
    end
    if #permits > 0 then
      local kept = sections(job)
      kept[TAIL_PERMITS] = cmsgpack.pack(permits)
      set_sections(job, kept)
    end
  end

  -- A bucket is exhausted again: claims let nobody back any more for a change of its settings. Asked once in a unit of work.
  local function end_let_back(work, bucket)
    if work.let_back[bucket] == nil then
      work.let_back[bucket] = false
      if tonumber(call('ZSCORE', base .. 'refills', bucket) or nil) == LET_BACK then
        move(work, base .. 'refills', bucket, false)
      end
    end
  end

  function park(work, job, limit, refill_at)
    local spot, score, text, tenant = spots.of(job)
    local place = spots.place(limit.bucket, spot)
    local kept = sections(job)
    kept[TAIL_BLOCKED] = limit.bucket
    set_sections(job, kept)
    changed(work, job)
    move(work, base .. 'p:' .. place, job.id, score)
    move(work, base .. 'i:' .. limit.bucket, spot, line_info(text).rank)
    fronts.count(work, line_info(text), tenant, 1)
    work.parks[place] = true
    if refill_at then
      move(work, base .. 'refills', limit.bucket, refill_at)
      work.refilling[limit.bucket] = pack('<i8I4', limit.interval, limit.burst)
      work.let_back[limit.bucket] = false
    else
      end_let_back(work, limit.bucket)
    end
  end

  function blocked_by(job)
    return band(job.kinds, TAIL_BLOCKED) ~= 0 and sections(job)[TAIL_BLOCKED] or nil
  end

  function unblock(job)
    local kept = sections(job)
    kept[TAIL_BLOCKED] = nil
    set_sections(job, kept)
  end

  -- The first jobs of a place that this unit of work has not moved yet, as id, due time, ...; and whether there is any.
  local function parked_first(work, key, count)
    local moves, found, any, start = work.moves[key], {}, false, 0
    local size = math.max(count, FIRST_PAGE)
    while #found < 2 * count do
      local page = call('ZRANGE', key, start, start + size - 1, 'WITHSCORES')
      for i = 1, #page, 2 do
        if not moves or moves[page[i]] == nil then
          any = true
          if #found < 2 * count then
            found[#found + 1] = page[i]
            found[#found + 1] = tonumber(page[i + 1])
          end
        end
      end
      if #page < 2 * size then
        break
      end
      start, size = start + size, math.max(size, math.min(2 * size, BLOCKED_AT_ONCE))
    end
    return found, any
  end

  -- Lets one parked job back into its line.
  local function unpark_one(work, key, text, tenant, id, due)
    move(work, key, id, false)
    fronts.count(work, line_info(text), tenant, -1)
    if type(work.jobs[id]) ~= 'table' and not work.raw[id] then
      work.jobs[id] = nil
      load(work, {id})
    end
    local job = known(work, id)
    if job and job.state == WAITING then
      unblock(job)
      enter(work, id, job.static, job.due, job.epoch)
      changed(work, job)
    elseif work.raw[id] then  -- its claimer will see that the record is damaged
      local info = line_info(text)
      move(work, info.key, id, due)
      move(work, info.index, info.member, info.rank)
      work.due[info.queue] = (work.due[info.queue] or 0) + 1
    end
  end

  -- Lets the first `count` jobs parked under a bucket back into their lines, of each queue, lane and tenant and of
  -- deadlines apart: the first of all may be of a queue that nobody serves just now, or of a tenant that had its turn.
  function unpark(work, bucket, count)
    if count <= 0 then
      return
    end
    count = math.min(count, MOST_PARKED)
    local index, left = base .. 'i:' .. bucket, {}
    for _, spot in ipairs(call('ZRANGE', index, 0, -1)) do
      local place = spots.place(bucket, spot)
      local _, _, text, tenant = spots.read(place)
      local info = line_info(text)
      local group = #info.queue .. ':' .. info.queue .. info.lane .. (tenant and '|' .. tenant or '')
      local need = left[group] or count
      if need > 0 then
        local found, any = parked_first(work, base .. 'p:' .. place, need)
        for i = 1, #found, 2 do
          unpark_one(work, base .. 'p:' .. place, text, tenant, found[i], found[i + 1])
        end
        left[group] = need - #found / 2
        if not any then
          move(work, index, spot, false)
          work.parks[place] = false
        end
      end
    end
  end

  -- Whether any job stays parked under a bucket.
  local function any_parked(work, bucket)
    for _, spot in ipairs(call('ZRANGE', base .. 'i:' .. bucket, 0, -1)) do
      local _, any = parked_first(work, base .. 'p:' .. spots.place(bucket, spot), 1)
      if any then
        return true
      end
    end
    return false
  end

  -- A run is over: its permits go to those parked first.
  function release_permits(work, job)
    if band(job.kinds, TAIL_PERMITS) == 0 then
      return
    end
    local permits = cmsgpack.unpack(sections(job)[TAIL_PERMITS])
    for _, bucket in ipairs(permits) do
      work.permits[#work.permits + 1] = {'SREM', base .. 'b:' .. bucket, job.id}
      if work.running[bucket] then
        work.running[bucket] = work.running[bucket] - 1
      end
    end
    for _, bucket in ipairs(permits) do
      unpark(work, bucket, 1)
    end
  end

  -- A waiting job leaves its place without starting. If it was free to start, it made room for the next.
  function leave(work, job)
    if job.open then
      return leave_open(work, job.id, line_of(job.static))
    end
    local bucket = blocked_by(job)
    if bucket then
      local spot, _, text, tenant = spots.of(job)
      move(work, base .. 'p:' .. spots.place(bucket, spot), job.id, false)
      fronts.count(work, line_info(text), tenant, -1)
      return unblock(job)
    end
    local info, kind, of_kind = line_info(line_of(job.static)), kinds.of(job.static, job.epoch)
    kinds.put(work, info, job.id, kind, of_kind, false)
    unpark(work, 'queue:' .. info.queue, 1)
    unpark(work, settings.TASK .. task_of(job.static), 1)
    for _, limit in ipairs(limits_of(job.static)) do
      unpark(work, limit.bucket, 1)
    end
  end

  -- Lets those back into their lines that were parked until now because of a rate, or until somebody claims, in a unit of
  -- work of their own. A time that is later than it can be is of a clock that has stepped back.
  function refill()
    local refills = base .. 'refills'
    local first = call('ZRANGE', refills, '0', '0', 'WITHSCORES')
    if not first[1] then
      return
    end
    local work = new_work()
    local due = call('ZRANGE', refills, '-inf', now, 'BYSCORE', 'LIMIT', 0, BLOCKED_AT_ONCE, 'WITHSCORES')
    local last = call('ZRANGE', refills, 0, 0, 'REV', 'WITHSCORES')
    if tonumber(last[2]) > now then
      due[#due + 1], due[#due + 2] = last[1], last[2]
    end
    for i = 1, #due, 2 do
      local bucket, at = due[i], tonumber(due[i + 1])
      local interval, burst = sunpack('<i8I4', call('HGET', base .. 'refilling', bucket) or pack('<i8I4', 1000000, 1))
      if at <= now or at > now + interval then
        local changed_settings = at == LET_BACK
        local count = math.min(burst, math.max(1, 1 + math.floor((now - at) / interval)))
        unpark(work, bucket, changed_settings and MOST_PARKED or count)
        local waits = any_parked(work, bucket)
        move(work, refills, bucket, waits and (changed_settings and LET_BACK or now + interval))
        if not waits then
          work.refilling[bucket] = false
        end
      end
    end
    commit(work)
    pending[#pending + 1] = work
  end

  -- Where limits that a claim passed still have room, those parked under them may come. After the claim is written.
  function fill_up(claimed)
    if not next(part(claimed, 'passed')) then
      return
    end
    local work = new_work()
    for bucket, limit in pairs(claimed.passed) do
      if limit.concurrency then
        unpark(work, bucket, limit.concurrency - permits_held(work, bucket))
      end
    end
    commit(work)
    pending[#pending + 1] = work
  end

  -- The settings of a queue or of a bucket have changed: look again at whom they hold back. If more are parked than one
  -- act lets back, each claim goes on with them, and who waits for one of their queues is to claim.
  function settings_changed(kind, id)
    local work, bucket = new_work(), kind == 'queue' and 'queue:' .. id or id
    unpark(work, bucket, MOST_PARKED)
    if any_parked(work, bucket) then
      move(work, base .. 'refills', bucket, LET_BACK)
      work.refilling[bucket] = false
      for queue in pairs(work.due) do
        work.later[queue] = true
      end
    end
    if kind == 'queue' then
      work.paces[id] = false
      work.due[id] = (work.due[id] or 0) + MOST_PARKED
      work.later[id] = true
    end
    commit(work)
    pending[#pending + 1] = work
  end
end
