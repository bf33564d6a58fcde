-- Prelude: limits. A bucket has permits, held by RUNNING jobs, and a rate of starts. A job that one of its buckets
-- holds back is parked: it leaves its line and stands under the bucket, in a line of the same order, until a permit comes
-- back, the rate allows a start, or settings change.
--
--   b:<bucket>        set         the jobs that hold a permit; each names its buckets in its record as well
--   rates             sorted set  buckets by when they are full again; one that is not there is full
--   p:<place>         sorted set  parked jobs by due time; the place is "<bytes of the bucket>:<bucket>:<line>"
--   i:<bucket>        sorted set  the lines that have jobs parked under a bucket, by -priority
--   parks             set         the places
--   refills           sorted set  buckets under which jobs are parked because of a rate, by when it allows a start
--   refilling         hash        interval in us (8) and burst (4) of those

-- What other preludes use; the rest stays inside, because a library may have no more than 200 local names at its top.
local MOST_PARKED = 1000
local place_of, blocked_by, unblock, queue_settings, limits_for, exhausted, take_permits, park, unpark, release_permits
local leave, refill, fill_up, settings_changed, room_in

do
  local BLOCKED_AT_ONCE = 100

  function place_of(bucket, text)
    return #bucket .. ':' .. bucket .. ':' .. text
  end

  -- A bucket with limits as numbers, from what a job carries or a record says.
  local function as_limit(it)
    local limit = {bucket = it.bucket, concurrency = it.concurrency, rate = it.rate, burst = it.burst or 1}
    if it.rate then
      limit.interval = math.floor((it.period_ms or 1000) * 1000 / it.rate)
    end
    return limit
  end

  -- The data of a small record that has not expired, or nil.
  local function record_data(kind, id)
    local value = call('GET', base .. 'r:' .. kind .. ':' .. id)
    if value and #value >= 24 then
      local ends = sunpack('<i8', value, 9)
      if ends == 0 or now < ends then
        return sub(value, 25)
      end
    end
  end

  -- What a record of settings says, as a table; one that cannot be read says nothing.
  local function settings_in(kind, id, check)
    local data = record_data(kind, id)
    local fine, it = pcall(cjson.decode, data or '')
    return fine and type(it) == 'table' and check(it) and it or nil
  end

  local function whole(value)
    return value == nil or (type(value) == 'number' and value == math.floor(value))
  end

  local function is_queue(it)
    return (it.paused == nil or type(it.paused) == 'boolean') and whole(it.concurrency) and whole(it.max_length)
  end

  local function is_limit(it)
    return type(it.bucket) == 'string' and whole(it.concurrency) and whole(it.rate) and whole(it.period_ms)
      and whole(it.burst)
  end

  local function null_is_nil(it)
    for name, value in pairs(it) do
      if value == cjson.null then
        it[name] = nil
      end
    end
    return it
  end

  function queue_settings(work, queue)
    local known = work.queue_settings[queue]
    if not known then
      known = settings_in('queue', queue, function(it)
        return is_queue(null_is_nil(it))
      end) or {}
      work.queue_settings[queue] = known
    end
    return known
  end

  -- The limit of a bucket: what a record says, else what the job carries.
  local function known_limit(work, carried)
    local known = work.limits[carried.bucket]
    if known == nil then
      local said = settings_in('bucket', carried.bucket, function(it)
        return is_limit(null_is_nil(it))
      end)
      known = said and as_limit(said) or false
      work.limits[carried.bucket] = known
    end
    return known or as_limit(carried)
  end

  -- The limits that a job must pass: its queue's, then its own.
  function limits_for(work, static, queue)
    local limits, settings = {}, queue_settings(work, queue)
    if settings.concurrency then
      limits[1] = {bucket = 'queue:' .. queue, concurrency = settings.concurrency, burst = 1}
    end
    for _, carried in ipairs(limits_of(static)) do
      limits[#limits + 1] = known_limit(work, carried)
    end
    return limits
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

  function park(work, job, text, limit, refill_at)
    local place = place_of(limit.bucket, text)
    local kept = sections(job)
    kept[TAIL_BLOCKED] = limit.bucket
    set_sections(job, kept)
    changed(work, job)
    move(work, base .. 'p:' .. place, job.id, job.due)
    move(work, base .. 'i:' .. limit.bucket, text, line_info(text).rank)
    work.parks[place] = true
    if refill_at then
      move(work, base .. 'refills', limit.bucket, refill_at)
      work.refilling[limit.bucket] = pack('<i8I4', limit.interval, limit.burst)
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
    while #found < 2 * count do
      local page = call('ZRANGE', key, start, start + math.max(count, BLOCKED_AT_ONCE) - 1, 'WITHSCORES')
      for i = 1, #page, 2 do
        if not moves or moves[page[i]] == nil then
          any = true
          if #found < 2 * count then
            found[#found + 1] = page[i]
            found[#found + 1] = tonumber(page[i + 1])
          end
        end
      end
      if #page < 2 * math.max(count, BLOCKED_AT_ONCE) then
        break
      end
      start = start + #page / 2
    end
    return found, any
  end

  -- Lets one parked job back into its line.
  local function unpark_one(work, key, text, id, due)
    move(work, key, id, false)
    if type(work.jobs[id]) ~= 'table' and not work.raw[id] then
      work.jobs[id] = nil
      load(work, {id})
    end
    local job = known(work, id)
    if job and job.state == WAITING then
      unblock(job)
      enter(work, id, job.static, job.due)
      changed(work, job)
    elseif work.raw[id] then  -- its claimer will see that the record is damaged
      move(work, line_info(text).key, id, due)
      work.due[line_info(text).queue] = (work.due[line_info(text).queue] or 0) + 1
    end
  end

  -- Lets the first `count` jobs parked under a bucket back into their lines, of each queue and lane apart: the first of
  -- all may be of a queue that nobody serves just now.
  function unpark(work, bucket, count)
    if count <= 0 then
      return
    end
    count = math.min(count, MOST_PARKED)
    local index, left = base .. 'i:' .. bucket, {}
    for _, text in ipairs(call('ZRANGE', index, 0, -1)) do
      local info = line_info(text)
      local group = #info.queue .. ':' .. info.queue .. info.lane
      local need = left[group] or count
      if need > 0 then
        local place = place_of(bucket, text)
        local found, any = parked_first(work, base .. 'p:' .. place, need)
        for i = 1, #found, 2 do
          unpark_one(work, base .. 'p:' .. place, text, found[i], found[i + 1])
        end
        left[group] = need - #found / 2
        if not any then
          move(work, index, text, false)
          work.parks[place] = false
        end
      end
    end
  end

  -- How many more jobs may be stored in a queue, and how many it may hold; nil for any number.
  function room_in(work, queue)
    local most = queue_settings(work, queue).max_length
    if most and not work.room[queue] then
      local count = 0
      for _, member in ipairs(call('ZRANGE', base .. 'q:' .. queue, 0, -1)) do
        count = count + call('ZCARD', base .. 'w:' .. member .. queue)
      end
      for _, place in ipairs(call('SMEMBERS', base .. 'parks')) do
        if string.match(place, '^%d+:.*:%-?%d+|[^|]*|(.*)$') == queue then
          count = count + call('ZCARD', base .. 'p:' .. place)
        end
      end
      work.room[queue] = most - count
    end
    return most and work.room[queue], most
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
    local text = line_of(job.static)
    if job.open then
      return leave_open(work, job.id, text)
    end
    local bucket = blocked_by(job)
    if bucket then
      move(work, base .. 'p:' .. place_of(bucket, text), job.id, false)
      return unblock(job)
    end
    local info = line_info(text)
    move(work, info.key, job.id, false)
    unpark(work, 'queue:' .. info.queue, 1)
    for _, limit in ipairs(limits_of(job.static)) do
      unpark(work, limit.bucket, 1)
    end
  end

  -- Lets those back into their lines that were parked until now because of a rate, in a unit of work of their own. A
  -- time that is later than it can be is of a clock that has stepped back.
  function refill()
    local refills = base .. 'refills'
    local first = call('ZRANGE', refills, 0, 0, 'WITHSCORES')
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
        unpark(work, bucket, math.min(burst, math.max(1, 1 + math.floor((now - at) / interval))))
        local waits = false
        for _, text in ipairs(call('ZRANGE', base .. 'i:' .. bucket, 0, -1)) do
          local _, any = parked_first(work, base .. 'p:' .. place_of(bucket, text), 1)
          waits = waits or any
        end
        move(work, refills, bucket, waits and now + interval or false)
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
    if not next(claimed.passed) then
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

  -- The settings of a queue or of a bucket have changed: look again at whom they hold back.
  function settings_changed(kind, id)
    local work = new_work()
    if kind == 'queue' then
      unpark(work, 'queue:' .. id, MOST_PARKED)
      work.due[id] = (work.due[id] or 0) + MOST_PARKED
      work.later[id] = true
    elseif kind == 'bucket' then
      unpark(work, id, MOST_PARKED)
    end
    commit(work)
    pending[#pending + 1] = work
  end
end
