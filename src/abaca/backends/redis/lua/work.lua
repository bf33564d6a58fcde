-- Prelude: a unit of work. A verb reads and judges first and only notes what is to be written; `commit` writes all of it,
-- what frees memory first. Of several moves of one member in one sorted set the last one counts.
-- `ends` (score, id, ...) and `popped` (line: how many of its first members) are for the usual case, in which a member
-- moves once.

local TRIMMED_CAP = 1000

local function new_work()
  return {
    jobs = {}, raw = {}, dirty = {}, values = {}, gone = {}, moves = {}, keys = {}, totals = {}, trims = {}, due = {},
    later = {}, queues = {}, lists = {}, held = {}, cursors = {}, hints = {}, payloads = {}, leases = {}, ends = {},
    popped = {}, queue_settings = {}, limits = {}, running = {}, rates = {}, passed = {}, permits = {}, parks = {},
    refilling = {}, let_back = {}, fresh = {}, room = {}, fronts = {}, tenants = {}, counts = {}, paces = {},
    plain = {},
  }
end

-- One whose parts are made when they are first used, for verbs that use a few of them.
local lazy_work

do
  local PARTS = new_work()
  local meta = {
    __index = function(work, name)
      if PARTS[name] then
        local new = {}
        rawset(work, name, new)
        return new
      end
    end,
  }

  function lazy_work()
    return setmetatable({}, meta)
  end
end

local function move(work, key, member, score)
  local moves = work.moves[key]
  if not moves then
    moves = {}
    work.moves[key] = moves
  end
  moves[member] = score
end

-- Reads the records of these ids into the unit of work; answers their keys.
local function load(work, ids)
  local values, keys = fetch(ids)
  local raw = work.raw
  for i = 1, #ids do
    raw[ids[i]] = values[i]
    if not values[i] then
      work.jobs[ids[i]] = false
    end
  end
  return keys
end

-- A job that was loaded and can be read, as a table, or nil. `jobs` also holds false for an id that is unknown and true
-- for one that is there and was not read.
local function known(work, id)
  local job = work.jobs[id]
  if job == nil and work.raw[id] then
    job = parse(id, work.raw[id]) or true
    work.jobs[id] = job
  end
  return type(job) == 'table' and job or nil
end

local function changed(work, job)
  if not job.dirty then
    job.dirty = true
    work.dirty[#work.dirty + 1] = job
  end
end

-- The id that holds a key, or false.
local function holder(work, key)
  if work.held[key] == nil then
    local value = call('GET', base .. 'u:' .. key)
    if value and #value > 16 and sunpack('<i8', value, 17) <= now then
      value = false
    end
    work.held[key] = value and sub(value, 1, 16)
  end
  return work.held[key]
end

-- Has a job hold a key, until `ends` where it is held for a period.
local function hold_key(work, key, id, ends)
  work.held[key], work.keys[key] = id, ends and id .. pack('<i8', ends) or id
  if ends then
    move(work, base .. 'periods', key, ends)
  end
end

local function release_key(work, job)
  local key = key_of(job.static)
  if key and holder(work, key) == job.id then
    work.held[key], work.keys[key] = false, false
  end
end

local function drop_log(work, job)
  if job.log then
    work.gone[#work.gone + 1] = base .. 'g:' .. job.id
    work.gone[#work.gone + 1] = base .. 't:' .. job.id
    job.log = false
  end
end

-- Adds a log entry. Kinds 1 and 2 (progress, log line) are trimmed to a cap, and so have a sorted set of their own.
local function record(work, job, kind, attempt, data)
  local trimmed = kind == 1 or kind == 2
  local key = base .. (trimmed and 't:' or 'g:') .. job.id
  local entry = job.next_entry
  move(work, key, pack('<I4Bi8I4', entry, kind, now, attempt) .. data, entry)
  if trimmed then
    work.trims[key] = true
  end
  job.next_entry = entry + 1
  job.log = true
end

local function commit_moves(work)
  local adds = {}
  for key, count in pairs(part(work, 'popped')) do
    call('ZREMRANGEBYRANK', key, 0, count - 1)
  end
  for key, moves in pairs(part(work, 'moves')) do
    local add, remove = {}, {}
    for member, score in pairs(moves) do
      if score then
        add[#add + 1] = score_text(score)
        add[#add + 1] = member
      else
        remove[#remove + 1] = member
      end
    end
    if #remove > 0 then
      in_chunks('ZREM', key, remove)
    end
    if #add > 0 then
      adds[key] = add
    end
  end
  return adds
end

local function commit_keys(work)
  for key, id in pairs(part(work, 'keys')) do
    if id then
      work.values[#work.values + 1] = base .. 'u:' .. key
      work.values[#work.values + 1] = id
    else
      work.gone[#work.gone + 1] = base .. 'u:' .. key
    end
  end
end

-- Moves a schedule's cursor to a tick; answers whether that was ahead of it. A schedule without a cursor has no ticks.
local function move_cursor(work, schedule, tick)
  local key = base .. 'r:cursor:' .. schedule
  local cursor = work.cursors[key]
  if cursor == nil then
    local value = call('GET', key)
    local version, ends, life = 0, 0, -1
    if value then
      version, ends, life = sunpack('<i8i8i8', value)
    end
    local at = value and (ends == 0 or now < ends) and tonumber(sub(value, 25))
    cursor = at and {at = at, version = version, life = life} or false
    work.cursors[key] = cursor
  end
  if not cursor or cursor.at >= tick then
    return false
  end
  cursor.at, cursor.version, cursor.moved = tick, cursor.version + 1, true
  return true
end

local function commit_cursors(work)
  for key, cursor in pairs(part(work, 'cursors')) do
    if cursor and cursor.moved then
      local ends = cursor.life >= 0 and now + cursor.life * 1000 or 0
      work.values[#work.values + 1] = key
      work.values[#work.values + 1] = pack('<i8i8i8', cursor.version, ends, cursor.life) .. score_text(cursor.at)
    end
  end
end

local tell

do
  local HINT_LIMIT = 16384
  local LISTENERS_AT_ONCE = 100

  local function anybody_watches()
    if watched == nil then
      watched = call('PUBSUB', 'NUMSUB', base .. 'J')[2] > 0
    end
    return watched
  end

  -- Tells those who watch a job. Whoever watches any has subscribed to the channel J as well, so that with many jobs and no
  -- watcher nothing is asked for each; otherwise the server is asked first who is listened for, because most are not.
  function tell(ids, payload_of, raw)
    if #ids == 0 or (#ids > 1 and not anybody_watches()) then
      return
    end
    for first = 1, #ids, LISTENERS_AT_ONCE do
      local last = math.min(first + LISTENERS_AT_ONCE - 1, #ids)
      local channels, heard = {}, nil
      for i = first, last do
        channels[#channels + 1] = base .. 'J:' .. ids[i]
      end
      if #channels > 1 then
        heard = call('PUBSUB', 'NUMSUB', unpack(channels))
      end
      for i, name in ipairs(channels) do
        if not heard or heard[2 * i] > 0 then
          local id = ids[first + i - 1]
          local payload = payload_of and (payload_of[id] or raw[id]) or ''
          call('PUBLISH', name, #payload <= HINT_LIMIT and payload or '')
        end
      end
    end
  end
end

-- Proves every key whose write could be refused for its type. Those that are set or deleted whole need no proof.
local function prove_all(work)
  for key in pairs(part(work, 'moves')) do
    prove('ZCARD', key)
  end
  if #part(work, 'ends') > 0 then
    prove('ZCARD', ENDED)
  end
  if next(part(work, 'leases')) then
    prove('ZCARD', base .. 'leases')
    prove('HLEN', base .. 'running')
    for lease_until, group in pairs(part(work, 'leases')) do
      if #group.ids > 0 then
        prove('STRLEN', base .. 'l:' .. score_text(lease_until))
      end
    end
  end
  for _, permit in ipairs(part(work, 'permits')) do
    prove('SCARD', permit[2])
  end
  if next(part(work, 'parks')) then
    prove('SCARD', base .. 'parks')
  end
  if next(part(work, 'refilling')) then
    prove('HLEN', base .. 'refilling')
  end
  fronts.prove(work)
  if next(part(work, 'counts')) then
    prove('HLEN', base .. 'claims')
  end
  if next(part(work, 'paces')) then
    prove('HLEN', base .. 'paces')
  end
  if next(part(work, 'queues')) then
    prove('SCARD', base .. 'queues')
  end
  if work.family then
    prove_family(work)
  end
  if next(part(work, 'totals')) then
    prove('HLEN', base .. 'totals')
  end
end

-- What `limits.lua` noted.
local function commit_limits(work)
  for _, permit in ipairs(part(work, 'permits')) do
    call(unpack(permit))
  end
  for place, added in pairs(part(work, 'parks')) do
    call(added and 'SADD' or 'SREM', base .. 'parks', place)
  end
  for bucket, packed in pairs(part(work, 'refilling')) do
    if packed then
      call('HSET', base .. 'refilling', bucket, packed)
    else
      call('HDEL', base .. 'refilling', bucket)
    end
  end
end

local function commit(work)
  prove_all(work)
  fronts.retire(work)
  local adds = commit_moves(work)
  commit_keys(work)
  commit_cursors(work)
  in_chunks('DEL', nil, part(work, 'gone'))
  commit_limits(work)
  commit_leaving(work)
  local values = work.values
  for _, job in ipairs(part(work, 'dirty')) do
    local value = ''
    if not job.deleted then
      value = format(job)
      values[#values + 1] = base .. 'j:' .. job.id
      values[#values + 1] = value
    end
    if job.hint then
      work.hints[#work.hints + 1] = job.id
      work.payloads[job.id] = job.hint == 'end' and value or ''
    end
  end
  in_chunks('MSET', nil, values)
  in_chunks('ZADD', ENDED, part(work, 'ends'))
  commit_entering(work)
  for key, add in pairs(adds) do
    in_chunks('ZADD', key, add)
  end
  fronts.set(work)
  for queue, count in pairs(part(work, 'counts')) do
    call('HSET', base .. 'claims', queue, count)
  end
  for queue, packed in pairs(part(work, 'paces')) do
    if packed then
      call('HSET', base .. 'paces', queue, packed)
    else
      call('HDEL', base .. 'paces', queue)
    end
  end
  if work.family then
    commit_family(work)
  end
  for queue in pairs(part(work, 'queues')) do
    call('SADD', base .. 'queues', queue)
    call('PUBLISH', base .. 'T:queue:' .. queue, '')
  end
  for name, count in pairs(part(work, 'totals')) do
    call('HINCRBY', base .. 'totals', name, count)
  end
  for key in pairs(part(work, 'trims')) do
    call('ZREMRANGEBYRANK', key, 0, -TRIMMED_CAP - 1)
  end
  tell(part(work, 'hints'), part(work, 'payloads'), part(work, 'raw'))
end
