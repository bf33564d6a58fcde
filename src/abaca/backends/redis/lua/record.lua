-- Prelude: how a job is packed in one string value. packing.py and statics.py have the same layout for the client.
--
--   fresh    0xAB, created_at (7 bytes), static            a job that waits since its insert and was due at once
--   delayed  0xAC, created_at (7), due_at (8), static      the same with a due time of its own
--   leased   0xAE, size of what stands before the short record (1), claimed_at (8), lease_until (8), lease_ms (8),
--            worker; then the short record                 the first run of such a job: epoch 1, revision 2
--   done     0xAF, state (1), which of the tail (1), attempts (4), losses (4), claimed_at (8), ended_at (8),
--            keep_ms (8), digest (8), [result: length (4) and bytes]; then the short record
--                                                          its end by the first run: settled epoch 1, revision 3
--   full     header (108), worker, tail, static            any other
--
-- Before any of these may stand, in this order:
--
--   parent   0xB0                                          the job has children (edges.lua)
--   open     0xB1                                          it waits for parents to end
--
-- A short record is a whole fresh or delayed one, as it was inserted. Jobs claimed or ended together differ in nothing
-- that stands before it, so a claim and a plain end cost one concatenation each.
--
--   tail     memo, error, progress, result, the bucket that holds it back, the buckets of which it holds permits (msgpack),
--            how many parents are open (4; 0 but where clients are shown it) and how many ended unmet (4):
--            each present by a flag of the header, each a length (4) and bytes
--   static   where the arguments begin (3), flags (1), [lease_ms (8)], [keep when cancelled in ms (8)],
--            line: length (1) and "priority|lane|queue", [key: length (2) and bytes],
--            [options: length (4) and msgpack], task, arguments

local FRESH, DELAYED, FULL, LEASED, DONE, PARENT, OPEN = 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0xB0, 0xB1
local LEASED_HEAD, LEASED_SIZE = '<BBi8i8i8', 26
local MOST_WORKER = 255 - LEASED_SIZE
local DONE_HEAD, DONE_SIZE = '<BBBI4I4i8i8i8', 43
local NO_DIGEST = '\0\0\0\0\0\0\0\0'
local FIRST_ENTRY = 3

local WAITING, RUNNING, COMPLETED, CANCELLED = 0, 1, 2, 4
local FLAG_CANCEL, FLAG_PURGED, FLAG_LOG = 8, 16, 32
local TAIL_MEMO, TAIL_ERROR, TAIL_PROGRESS, TAIL_RESULT, TAIL_BLOCKED, TAIL_PERMITS, TAIL_PARENTS = 1, 2, 4, 8, 16, 32, 64
local TAILS = {TAIL_MEMO, TAIL_ERROR, TAIL_PROGRESS, TAIL_RESULT, TAIL_BLOCKED, TAIL_PERMITS, TAIL_PARENTS}
local HAS_KEY, HAS_LEASE, HAS_KEEP, HAS_OPTIONS, KEY_WAITING, KEY_PERIOD, HAS_RULES, DAMAGED = 1, 2, 4, 8, 16, 32, 64, 128

local function new_job(id, created, due, static)
  return {
    id = id, state = WAITING, cancel = false, purged = false, log = false, kinds = 0, epoch = 0, revision = 1,
    attempts = 0, losses = 0, seq = 0, settled = 0, digest = NO_DIGEST, created = created, due = due, started = 0,
    claimed = 0, ended = 0, lease_until = 0, lease = 0, keep = 0, next_entry = FIRST_ENTRY, worker = '', tail = '',
    static = static, hint = false, dirty = false,
  }
end

local function plausible(static)
  return #static >= 5 and sunpack('<I3', static) <= #static
end

local parse, format, unmet_head

do
  local HEADER = '<BBBI4I4I4I4I4I4c8i8i8i8i8i8i8i8i8I4I4B'
  local HEADER_SIZE = 108

  local function parse_short(id, value, at)
    local form, size = byte(value, at), #value - at + 1
    if form == FRESH and size >= 8 then
      local created = sunpack('<I7', value, at + 1)
      local static = sub(value, at + 8)
      return plausible(static) and new_job(id, created, created, static) or nil
    elseif form == DELAYED and size >= 16 then
      local created, due = sunpack('<I7i8', value, at + 1)
      local static = sub(value, at + 16)
      return plausible(static) and new_job(id, created, due, static) or nil
    end
  end

  local function parse_leased(id, value)
    local size = byte(value, 2)
    if size < LEASED_SIZE then
      return nil
    end
    local job = parse_short(id, value, size + 1)
    if job then
      local _, _, claimed, lease_until, lease = sunpack(LEASED_HEAD, value)
      job.state, job.epoch, job.revision = RUNNING, 1, 2
      job.started, job.claimed, job.lease_until, job.lease = claimed, claimed, lease_until, lease
      job.worker = sub(value, LEASED_SIZE + 1, size)
    end
    return job
  end

  local function parse_done(id, value)
    local _, state, kinds, attempts, losses, claimed, ended, keep = sunpack(DONE_HEAD, value)
    local size = DONE_SIZE
    if kinds == TAIL_RESULT and #value >= size + 4 then
      size = size + 4 + sunpack('<I4', value, size + 1)
    elseif kinds ~= 0 then
      return nil
    end
    local job = size < #value and state <= CANCELLED and parse_short(id, value, size + 1) or nil
    if job then
      job.state, job.kinds, job.epoch, job.revision, job.attempts, job.losses = state, kinds, 1, 3, attempts, losses
      job.started, job.claimed, job.ended, job.keep = claimed, claimed, ended, keep
      job.settled, job.digest, job.tail = 1, sub(value, DONE_SIZE - 7, DONE_SIZE), sub(value, DONE_SIZE + 1, size)
    end
    return job
  end

  local function parse_alone(id, value)
    local form, size = byte(value, 1), #value
    if form == LEASED and size > LEASED_SIZE then
      return parse_leased(id, value)
    elseif form == DONE and size > DONE_SIZE then
      return parse_done(id, value)
    elseif form ~= FULL then
      return parse_short(id, value, 1)
    elseif size < HEADER_SIZE then
      return nil
    end
    local _, state, kinds, epoch, revision, attempts, losses, seq, settled, digest, created, due, started, claimed,
      ended, lease_until, lease, keep, next_entry, tail_size, worker_size = sunpack(HEADER, value)
    local tail_at = HEADER_SIZE + worker_size
    local static = sub(value, tail_at + tail_size + 1)
    if not plausible(static) or band(state, 7) > CANCELLED then
      return nil
    end
    return {
      id = id, state = band(state, 7), cancel = band(state, FLAG_CANCEL) ~= 0, purged = band(state, FLAG_PURGED) ~= 0,
      log = band(state, FLAG_LOG) ~= 0, kinds = kinds, epoch = epoch, revision = revision, attempts = attempts,
      losses = losses, seq = seq, settled = settled, digest = digest, created = created, due = due, started = started,
      claimed = claimed, ended = ended, lease_until = lease_until, lease = lease, keep = keep, next_entry = next_entry,
      worker = sub(value, HEADER_SIZE + 1, tail_at), tail = sub(value, tail_at + 1, tail_at + tail_size),
      static = static, hint = false, dirty = false,
    }
  end

  -- The record as a table, or nil when it is damaged.
  function parse(id, value)
    local first, second = byte(value, 1, 2)
    if first ~= PARENT and first ~= OPEN then
      return parse_alone(id, value)
    end
    local parent = first == PARENT or nil
    local open = first == OPEN or second == OPEN or nil
    local job = parse_alone(id, sub(value, parent and open and 3 or 2))
    if job then
      job.parent, job.open = parent, open
    end
    return job
  end

  -- What stands before the static part of a job that waits since its insert and has unmet parents.
  function unmet_head(created, due, unmet)
    return pack(HEADER, FULL, WAITING, TAIL_PARENTS, 0, 1, 0, 0, 0, 0, NO_DIGEST, created, due, 0, 0, 0, 0, 0, 0,
      FIRST_ENTRY, 12, 0) .. pack('<I4I4I4', 8, 0, unmet)
  end

  function format(job)
    local state = job.state + (job.cancel and FLAG_CANCEL or 0) + (job.purged and FLAG_PURGED or 0)
      + (job.log and FLAG_LOG or 0)
    local value = pack(HEADER, FULL, state, job.kinds, job.epoch, job.revision, job.attempts, job.losses, job.seq, job.settled,
      job.digest, job.created, job.due, job.started, job.claimed, job.ended, job.lease_until, job.lease, job.keep,
      job.next_entry, #job.tail, #job.worker) .. job.worker .. job.tail .. job.static
    if job.parent or job.open then
      value = (job.parent and char(PARENT) or '') .. (job.open and char(OPEN) or '') .. value
    end
    return value
  end
end

-- The tail's sections by flag.
local function sections(job)
  local found, at = {}, 1
  for _, flag in ipairs(TAILS) do
    if band(job.kinds, flag) ~= 0 then
      local size = sunpack('<I4', job.tail, at)
      found[flag] = sub(job.tail, at + 4, at + 3 + size)
      at = at + 4 + size
    end
  end
  return found
end

local function set_sections(job, found)
  local kinds, tail = 0, ''
  for _, flag in ipairs(TAILS) do
    if found[flag] then
      kinds = kinds + flag
      tail = tail .. pack('<I4', #found[flag]) .. found[flag]
    end
  end
  job.kinds, job.tail = kinds, tail
end

-- How many parents of a job that waits for none any more ended otherwise than it asks for.
local function unmet_of(job)
  if band(job.kinds, TAIL_PARENTS) == 0 then
    return 0
  end
  local _, unmet = sunpack('<I4I4', sections(job)[TAIL_PARENTS])
  return unmet
end

local function set_unmet(job, unmet, open)
  if band(job.kinds, TAIL_PARENTS) == 0 and unmet == 0 and not open then
    return
  end
  local kept = sections(job)
  kept[TAIL_PARENTS] = (unmet > 0 or open) and pack('<I4I4', open or 0, unmet) or nil
  set_sections(job, kept)
end

-- What a script needs of the static part.
local function own_lease(static)
  if band(byte(static, 4), HAS_LEASE) ~= 0 then
    return (sunpack('<i8', static, 5))
  end
end

local function own_cancel_keep(static)
  local flags = byte(static, 4)
  if band(flags, HAS_KEEP) ~= 0 then
    return (sunpack('<i8', static, band(flags, HAS_LEASE) ~= 0 and 13 or 5))
  end
end

local function line_at(static)
  local flags = byte(static, 4)
  return 5 + (band(flags, HAS_LEASE) ~= 0 and 8 or 0) + (band(flags, HAS_KEEP) ~= 0 and 8 or 0)
end

local function line_of(static)
  local at = line_at(static)
  return sub(static, at + 1, at + byte(static, at))
end

local function key_of(static)
  if band(byte(static, 4), HAS_KEY) == 0 then
    return nil
  end
  local at = line_at(static)
  at = at + 1 + byte(static, at)
  local size = sunpack('<I2', static, at)
  return sub(static, at + 2, at + 1 + size)
end

-- Where the options begin, or the task's name where there are none.
local function options_at(static)
  local at = line_at(static)
  at = at + 1 + byte(static, at)
  if band(byte(static, 4), HAS_KEY) ~= 0 then
    at = at + 2 + sunpack('<I2', static, at)
  end
  return at
end

local function task_of(static)
  local at = options_at(static)
  if band(byte(static, 4), HAS_OPTIONS) ~= 0 then
    at = at + 4 + sunpack('<I4', static, at)
  end
  return sub(static, at, (sunpack('<I3', static)))
end

-- What a job's options say of when it may start: Limits, After, StartWithinMs, Tenant (each absent or a value).
local function rules_of(static)
  if band(byte(static, 4), HAS_RULES) == 0 then
    return {}
  end
  local at = options_at(static)
  local fine, options = pcall(cmsgpack.unpack, sub(static, at + 4, at + 3 + sunpack('<I4', static, at)))
  return fine and options or {}
end

local function delay_of(static)
  if band(byte(static, 4), HAS_RULES) == 0 then
    return 0
  end
  return rules_of(static).DelayMs or 0
end

-- The limits that a job carries.
local function limits_of(static)
  return rules_of(static).Limits or {}
end

local function args_size(static)
  return #static - sunpack('<I3', static)
end

-- A static part without a task, around the bytes that could not be read.
local function bare_static(line, flags, rest)
  return pack('<I3B', 5 + #line, flags) .. char(#line) .. line .. rest
end

-- A readable stand-in for a damaged record. Its epoch is above any that was handed out, so the fence holds.
local function mend(id, value, line)
  local job = new_job(id, 0, now, bare_static(line, DAMAGED, sub(value, 1, 65536)))
  job.epoch, job.revision, job.parent = math.floor(now / 1000000), 1, byte(value, 1) == PARENT or nil
  return job
end
