-- Prelude: whether a queue takes one more job, and the job that makes room where it sheds. Of queues that can be full the
-- claims are counted.
--
--   paces   hash   by queue: the slice of time in which the latest claim was counted, how many jobs were claimed in it and
--                  how long they took, the same of the slice before, and when the latest claim was (each 8)

local admission = {}

do
  local SLICE, MOST_LOWER, PACE, PACE_SIZE = 10000000, 100, '<i8i8i8i8i8i8', 48
  local KIND_ERROR, HEAD_SIZE = 5, 9
  local KEPT = {jobs = true, raw = true, room = true, queue_settings = true, limits = true}

  function admission.bounded(work, queue)
    local own = settings.of_queue(work, queue)
    return (own.max_length or own.max_wait_ms) and own
  end

  function admission.is_pace(packed)
    return packed and #packed == PACE_SIZE
  end

  -- What is counted of a queue's claims, seen from the present slice.
  local function read_pace(work, queue)
    local packed = work.paces[queue] or call('HGET', base .. 'paces', queue)
    local slice, claims, busy, claims_before, busy_before, last = 0, 0, 0, 0, 0, 0
    if admission.is_pace(packed) then
      slice, claims, busy, claims_before, busy_before, last = sunpack(PACE, packed)
    end
    local present = math.floor(now / SLICE)
    if present == slice + 1 then
      claims, busy, claims_before, busy_before = 0, 0, claims, busy
    elseif present ~= slice then
      claims, busy, claims_before, busy_before = 0, 0, 0, 0
    end
    return {
      slice = present, claims = claims, busy = busy, claims_before = claims_before, busy_before = busy_before, last = last,
    }
  end

  local function due_of(id, value)
    local form = byte(value, 1)
    if form == FRESH then
      return (sunpack('<I7', value, 2))
    end
    local job = parse(id, value)
    return job and job.due or now
  end

  -- A claim has taken from a queue what stands in `got` behind `before`, as id, record, id, record.
  function admission.claimed(work, queue, got, before)
    local oldest, pace = nil, read_pace(work, queue)
    for i = before + 1, #got, 2 do
      local due = due_of(got[i], got[i + 1])
      oldest = oldest and oldest < due and oldest or due
    end
    if pace.claims + pace.claims_before > 0 then
      pace.busy = pace.busy + math.max(0, now - math.max(pace.last, oldest))
    end
    pace.claims = pace.claims + (#got - before) / 2
    work.paces[queue] = pack(PACE, pace.slice, pace.claims, pace.busy, pace.claims_before, pace.busy_before, now)
  end

  -- Writes what is noted, so that the store can be asked. The unit of work goes on, and knows which jobs are there.
  local function flush(work)
    if not next(work.moves) then
      return
    end
    commit(work)
    pending[#pending + 1] = {due = work.due, later = work.later, fresh = work.fresh}
    for id, job in pairs(work.jobs) do
      work.jobs[id] = job and true or nil
    end
    for id, value in pairs(work.raw) do
      work.jobs[id] = value and true or work.jobs[id]
    end
    work.raw, work.family = {}, nil
    for name, empty in pairs(new_work()) do
      if not KEPT[name] then
        work[name] = empty
      end
    end
  end

  -- Calls `visit` with the key of each sorted set of jobs that wait in a queue: of lines, and of places of those held back,
  -- then with `true` for limits and with `false` for parents.
  local function each_set(queue, visit)
    for _, member in ipairs(call('ZRANGE', base .. 'q:' .. queue, 0, -1)) do
      visit((kinds.listed(member, queue)))
    end
    for _, place in ipairs(call('SMEMBERS', base .. 'parks')) do
      local bucket, _, text = spots.read(place)
      if line_info(text).queue == queue then
        visit(base .. 'p:' .. place, bucket ~= '')
      end
    end
  end

  local function length_of(work, queue, facts)
    if not facts.length then
      flush(work)
      local length = 0
      each_set(queue, function(key)
        length = length + call('ZCARD', key)
      end)
      facts.length = length
    end
    return facts.length
  end

  -- How many jobs are due in a queue's lines or held back by limits, and since when the first is.
  local function count_due(work, queue, facts)
    flush(work)
    local due, first = 0, nil
    each_set(queue, function(key, by_limit)
      local at = by_limit ~= false and tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or nil)
      if at and (by_limit or at <= now) then
        due = due + (by_limit and call('ZCARD', key) or call('ZCOUNT', key, '-inf', now))
        first = first and first < at and first or at
      end
    end)
    facts.due, facts.first = due, first
  end

  -- How long a new job would wait, in ms.
  local function wait_in(work, queue, facts)
    if not facts.due then
      count_due(work, queue, facts)
    end
    if facts.due == 0 then
      return 0
    end
    facts.pace = facts.pace or read_pace(work, queue)
    local pace = facts.pace
    local claims = pace.claims + pace.claims_before
    if claims == 0 then
      return math.floor(math.max(0, now - facts.first) / 1000)
    end
    local busy = pace.busy + pace.busy_before + math.max(0, now - math.max(pace.last, facts.first))
    return math.floor(facts.due * busy / (claims * 1000))
  end

  -- What an insert is answered whose queue is full: 'l' for its length or 'w' for the wait, the most of that, the estimate
  -- of the wait in ms, and 1 where its producer is to come again. Nil where it is not.
  function admission.full(work, queue)
    local own, facts = settings.of_queue(work, queue), work.room[queue] or {}
    work.room[queue] = facts
    local too_long = own.max_length and length_of(work, queue, facts) >= own.max_length
    if not too_long and not (own.max_wait_ms and wait_in(work, queue, facts) > own.max_wait_ms) then
      return nil
    end
    return string.format('%s %.0f %.0f %d', too_long and 'l' or 'w', too_long and own.max_length or own.max_wait_ms,
      wait_in(work, queue, facts), own.overflow == 'wait' and 1 or 0)
  end

  -- So many jobs more wait in a queue.
  function admission.count(work, queue, change)
    local facts = work.room[queue]
    if facts and facts.length then
      facts.length = facts.length + change
    end
  end

  -- A job was stored. `alone`: it has no parents.
  function admission.stored(work, queue, due, alone)
    admission.count(work, queue, 1)
    local facts = work.room[queue]
    if facts and not alone then
      facts.due = nil
    elseif facts and facts.due and due <= now then
      facts.due, facts.first = facts.due + 1, facts.first and facts.first < due and facts.first or due
    end
  end

  -- A job has left its line: parked ones and children may have entered others.
  function admission.forget_due(work)
    for _, facts in pairs(work.room) do
      facts.due = nil
    end
  end

  -- A job that waits and was never claimed, if it is that and can be read.
  local function unclaimed(work, id)
    local head = call('GETRANGE', base .. 'j:' .. id, 0, HEAD_SIZE - 1)
    local at = byte(head, 1) == PARENT and 2 or 1
    local form = byte(head, at)
    if form ~= FRESH and form ~= DELAYED and not (form == FULL and #head >= at + 6 and sunpack('<I4', head, at + 3) == 0) then
      return nil
    end
    work.jobs[id], work.raw[id] = nil, nil
    load(work, {id})
    return known(work, id)
  end

  -- The jobs of a priority's lines, those due latest first, as far as there are so many.
  local function latest(members, queue, most)
    local found = {}
    for _, member in ipairs(members) do
      local page = call('ZRANGE', (kinds.listed(member, queue)), 0, most - 1, 'REV', 'WITHSCORES')
      for i = 1, #page, 2 do
        found[#found + 1] = {id = sub(page[i], 1, 16), due = tonumber(page[i + 1])}
      end
    end
    table.sort(found, function(a, b)
      if a.due ~= b.due then
        return a.due > b.due
      end
      return precedes(b.id, a.id)
    end)
    return found
  end

  -- The job whose place a new one takes in a full queue that sheds, or nil.
  function admission.lower(work, queue, static)
    if settings.of_queue(work, queue).overflow ~= 'shed-lowest' then
      return nil
    end
    flush(work)
    local rank, left = line_info(line_of(static)).rank, MOST_LOWER
    local index = call('ZRANGE', base .. 'q:' .. queue, 0, -1, 'REV', 'WITHSCORES')
    local at = 1
    while left > 0 and at <= #index and tonumber(index[at + 1]) > rank do
      local score, members = index[at + 1], {}
      while index[at + 1] == score do
        members[#members + 1], at = index[at], at + 2
      end
      for i, found in ipairs(latest(members, queue, left)) do
        if i > left then
          return nil
        end
        local job = unclaimed(work, found.id)
        if job then
          return job
        end
        members.seen = i
      end
      left = left - (members.seen or 0)
    end
  end

  local function hexadecimal(id)
    return (string.gsub(id, '.', function(letter)
      return string.format('%02x', byte(letter))
    end))
  end

  -- A waiting job makes room for the job `by`.
  function admission.shed(work, job, queue, by)
    local message = 'its queue was full, and job ' .. hexadecimal(by) .. ' of a higher priority took its place'
    leave(work, job)
    job.revision = job.revision + 1
    local kept = sections(job)
    kept[TAIL_ERROR] = '{"type":"abaca.Shed","message":"' .. message .. '"}'
    set_sections(job, kept)
    record(work, job, KIND_ERROR, 0, kept[TAIL_ERROR])
    finish(work, job, CANCELLED, own_cancel_keep(job.static) or work.cancel_keep)
    changed(work, job)
    admission.count(work, queue, -1)
    admission.forget_due(work)
  end
end
