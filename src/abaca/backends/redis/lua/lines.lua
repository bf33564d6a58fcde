-- Prelude: the lines of waiting jobs (one per queue, priority and lane), how jobs enter them, end, and are claimed.
-- A line's text is "priority|lane|queue". The index of a queue holds "priority|lane|" scored by -priority.

local TOTAL = {[2] = 'completed', [3] = 'failed', [4] = 'cancelled'}

local function line_info(text)
  local info = lines[text]
  if not info then
    local priority, lane, queue = string.match(text, '^(%-?%d+)|([^|]*)|(.*)$')
    info = {
      key = base .. 'w:' .. text, index = base .. 'q:' .. queue, member = priority .. '|' .. lane .. '|',
      rank = -tonumber(priority), queue = queue, lane = lane, text = text,
    }
    lines[text] = info
  end
  return info
end

-- Puts a job into its line.
local function enter(work, id, static, due)
  local info = line_info(line_of(static))
  move(work, info.key, id, due)
  if not work.queues[info.queue] then
    work.queues[info.queue] = true
  end
  if not work.lists[info.key] then
    work.lists[info.key] = true
    move(work, info.index, info.member, info.rank)
  end
  if due <= now then
    work.due[info.queue] = (work.due[info.queue] or 0) + 1
  else
    work.later[info.queue] = true
  end
end

local function leave(work, job)
  move(work, line_info(line_of(job.static)).key, job.id, false)
end

local function note_end(work, id, state, keep)
  move(work, ENDED, id, now + keep * 1000)
  work.totals[TOTAL[state]] = (work.totals[TOTAL[state]] or 0) + 1
end

-- Ends a job: kept until `keep` ms from now, its key released, counted, its waiters told.
local function finish(work, job, state, keep)
  if job.state == RUNNING then
    leave_lease(work, job)
  end
  job.state, job.ended, job.keep = state, now, keep
  job.worker, job.lease_until, job.lease = '', 0, 0
  note_end(work, job.id, state, keep)
  release_key(work, job)
  job.hint = 'end'
end

-- Makes a job RUNNING under a new epoch and answers its packed record.
local function lease_to(work, job, worker, lease)
  job.state, job.epoch, job.revision, job.seq = RUNNING, job.epoch + 1, job.revision + 1, 0
  job.lease = own_lease(job.static) or lease
  job.lease_until = now + job.lease * 1000
  job.worker, job.claimed = worker, now
  if job.started == 0 then
    job.started = now
  end
  local value = format(job)
  work.values[#work.values + 1] = base .. 'j:' .. job.id
  work.values[#work.values + 1] = value
  enter_lease(work, job)
  return value
end

-- What stands before a short record that is leased, and the group of that lease; the same for all jobs of one claim.
local function leased_head(work, worker, length)
  local known = work.heads[length]
  if not known then
    local lease_until = now + length * 1000
    local head = pack(LEASED_HEAD, LEASED, LEASED_SIZE + #worker, now, lease_until, length) .. worker
    known = {head = head, group = lease_group(work, lease_until)}
    work.heads[length] = known
  end
  return known
end

-- Leases a job whose record is short. Answers how long its arguments are, or nil when that is not its case.
local function lease_fresh(work, id, key, value, want)
  local form = byte(value, 1)
  local at = form == FRESH and 9 or form == DELAYED and 17
  if not at or #value < at + 4 or #want.worker > MOST_WORKER then
    return nil
  end
  local low, middle, high, flags = byte(value, at, at + 3)
  local size = #value - at + 1 - low - 256 * middle - 65536 * high
  if size < 0 then
    return nil
  end
  local lease = leased_head(work, want.worker, band(flags, HAS_LEASE) ~= 0 and own_lease(sub(value, at)) or want.lease)
  local values, group = work.values, lease.group
  local count = #values
  values[count + 1], values[count + 2] = key, lease.head .. value
  group.change = group.change + 1
  group.ids[group.change] = id
  return size
end

-- The heads of the lines in one priority of a queue, at most as many of each as its lane has free slots: ids in order,
-- and the line of each, or of all where there is one.
local function candidates(group, free)
  if #group == 1 then
    local info = line_info(group[1])
    return call('ZRANGE', info.key, '-inf', now, 'BYSCORE', 'LIMIT', 0, free[info.lane]), info
  end
  local merged = {}
  for _, text in ipairs(group) do
    local info = line_info(text)
    local heads = call('ZRANGE', info.key, '-inf', now, 'BYSCORE', 'LIMIT', 0, free[info.lane], 'WITHSCORES')
    for i = 1, #heads, 2 do
      merged[#merged + 1] = {id = heads[i], line = info, due = tonumber(heads[i + 1])}
    end
  end
  table.sort(merged, function(a, b)
    if a.due ~= b.due then
      return a.due < b.due
    end
    return precedes(a.id, b.id)
  end)
  local ids, infos = {}, {}
  for i, head in ipairs(merged) do
    ids[i], infos[i] = head.id, head.line
  end
  return ids, nil, infos
end

-- How many records are read at once: few where they may be large.
local FEW, SMALL = 64, 1024

-- Claims from the front of `heads` until the bytes are used up; jobs go to `got` as id, record, id, record. A job whose
-- record is short goes as it was: what the claim changed of it is the same for all, and the caller knows it.
local function take(work, heads, only, infos, want, state)
  local first, step, free, got = 1, FEW, state.free, state.got
  while first <= #heads do
    local ids = {}
    for i = first, math.min(first + step - 1, #heads) do
      ids[#ids + 1] = heads[i]
    end
    local values, keys = fetch(ids)
    local before = state.size
    for i = 1, #ids do
      if state.size >= want.max_bytes then
        return
      end
      local id, value, line = ids[i], values[i], only or infos[first + i - 1]
      work.popped[line.key] = (work.popped[line.key] or 0) + 1
      if value then
        local size = lease_fresh(work, id, keys[i], value, want)
        if not size then
          local job = parse(id, value) or mend(id, value, line.text)
          size = args_size(job.static)
          value = lease_to(work, job, want.worker, want.lease)
        end
        state.size = state.size + size
        free[line.lane] = free[line.lane] - 1
        state.open = state.open - 1
        local count = #got
        got[count + 1], got[count + 2] = id, value
        work.claimed[#work.claimed + 1] = id
      end
    end
    first = first + #ids
    step = state.size - before < #ids * SMALL and CHUNK or FEW
  end
end

-- The lines of a queue, highest priority first, in groups of one priority, those with free slots only.
local function groups_of(queue, free)
  local index = call('ZRANGE', base .. 'q:' .. queue, 0, -1, 'WITHSCORES')
  local groups, score = {}, nil
  for i = 1, #index, 2 do
    local lane = string.match(index[i], '|(.*)|$')
    if (free[lane] or 0) > 0 then
      if index[i + 1] ~= score then
        score = index[i + 1]
        groups[#groups + 1] = {}
      end
      local group = groups[#groups]
      group[#group + 1] = index[i] .. queue
    end
  end
  return groups
end

local function read_want(blob)
  local it = cmsgpack.unpack(blob)
  return {
    worker = it[1], lease = it[2], max_bytes = it[3], queues = it[4], slots = it[5], name = it[6], channel = it[7],
    blob = blob,
  }
end

-- Claims for a want: queues in its order, inside a queue by priority, due time and id. Answers id, record, id, record.
local function claim(work, want)
  local state = {free = {}, open = 0, size = 0, got = {}}
  work.claimed, work.heads = {}, {}
  for lane, slots in pairs(want.slots) do
    state.free[lane] = slots
    state.open = state.open + math.max(0, slots)
  end
  for _, queue in ipairs(want.queues) do
    for _, group in ipairs(groups_of(queue, state.free)) do
      if state.open <= 0 or state.size >= want.max_bytes then
        return state.got
      end
      local heads, only, infos = candidates(group, state.free)
      if #heads == 0 then
        for _, text in ipairs(group) do
          local info = line_info(text)
          if call('EXISTS', info.key) == 0 then
            move(work, info.index, info.member, false)
          end
        end
      end
      take(work, heads, only, infos, want, state)
    end
  end
  return state.got
end

-- Remembers the latest instant at which a lease was made, so that reclaim sees a clock that stepped back.
local function see_clock()
  local last = call('SET', base .. 'clock', score_text(now), 'GET')
  if last and tonumber(last) > now then
    call('SET', base .. 'clock', last)
  end
end

-- Writes what `claim` noted, and tells who watches the jobs; not of those that entered the store in this same call, which
-- nobody has seen waiting.
local function commit_claim(work, fresh)
  commit(work)
  if #work.claimed > 0 then
    see_clock()
  end
  local seen = work.claimed
  if fresh then
    seen = {}
    for _, id in ipairs(work.claimed) do
      seen[#seen + 1] = not fresh[id] and id or nil
    end
  end
  tell(seen)
end

-- When the first job for a want is due, or nil.
local function next_due(want)
  local first
  for _, queue in ipairs(want.queues) do
    for _, group in ipairs(groups_of(queue, want.slots)) do
      for _, text in ipairs(group) do
        local head = call('ZRANGE', base .. 'w:' .. text, 0, 0, 'WITHSCORES')
        local due = tonumber(head[2])
        if due and (not first or due < first) then
          first = due
        end
      end
    end
  end
  return first
end
