-- Prelude: a unit of work. A verb reads and judges first and only notes what is to be written; `commit` writes all of it,
-- what frees memory first. Of several moves of one member in one sorted set the last one counts.

local TRIMMED_CAP = 1000
local HINT_LIMIT = 16384
local LISTENERS_AT_ONCE = 100

local function new_work()
  return {
    jobs = {}, raw = {}, dirty = {}, values = {}, gone = {}, moves = {}, keys = {}, totals = {}, trims = {}, due = {}, later = {},
    queues = {}, lists = {}, held = {}, hints = {}, payloads = {},
  }
end

local function move(work, key, member, score)
  local moves = work.moves[key]
  if not moves then
    moves = {}
    work.moves[key] = moves
  end
  moves[member] = score
end

-- Reads the records of these ids into the unit of work.
local function load(work, ids)
  local values = fetch(ids)
  for i, id in ipairs(ids) do
    work.raw[id] = values[i]
    if not values[i] then
      work.jobs[id] = false
    end
  end
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
    work.held[key] = call('GET', base .. 'u:' .. key)
  end
  return work.held[key]
end

local function hold_key(work, key, id)
  work.held[key], work.keys[key] = id, id
end

local function release_key(work, job)
  local key = key_of(job.static)
  if key and holder(work, key) == job.id then
    hold_key(work, key, false)
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
  for key, moves in pairs(work.moves) do
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
  for key, id in pairs(work.keys) do
    if id then
      work.values[#work.values + 1] = base .. 'u:' .. key
      work.values[#work.values + 1] = id
    else
      work.gone[#work.gone + 1] = base .. 'u:' .. key
    end
  end
end

-- Tells those who watch a job; what to tell is asked for only if anybody does. With many jobs the server is asked first
-- who is listened for, because most are not.
local function tell(ids, payload_of)
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
        call('PUBLISH', name, payload_of and payload_of[ids[first + i - 1]] or '')
      end
    end
  end
end

local function commit(work)
  local adds = commit_moves(work)
  commit_keys(work)
  in_chunks('DEL', nil, work.gone)
  local values = work.values
  for _, job in ipairs(work.dirty) do
    local value = ''
    if not job.deleted then
      value = format(job)
      values[#values + 1] = base .. 'j:' .. job.id
      values[#values + 1] = value
    end
    if job.hint then
      work.hints[#work.hints + 1] = job.id
      if job.hint == 'end' and #value <= HINT_LIMIT then
        work.payloads[job.id] = value
      end
    end
  end
  in_chunks('MSET', nil, values)
  for key, add in pairs(adds) do
    in_chunks('ZADD', key, add)
  end
  for queue in pairs(work.queues) do
    call('SADD', base .. 'queues', queue)
    call('PUBLISH', base .. 'T:queue:' .. queue, '')
  end
  for name, count in pairs(work.totals) do
    call('HINCRBY', base .. 'totals', name, count)
  end
  for key in pairs(work.trims) do
    call('ZREMRANGEBYRANK', key, 0, -TRIMMED_CAP - 1)
  end
  tell(work.hints, work.payloads)
end
