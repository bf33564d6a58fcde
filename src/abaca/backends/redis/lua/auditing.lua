-- Prelude: how an audit judges. The job records are the truth; each key and each entry is compared with them, in the one
-- call that also reports or mends it. A fault is four texts: its kind, "J" and an id of 16 bytes or "T" and a text,
-- what is wrong, and '1' when it was mended.

local KEY_TYPES = {
  j = 'string', w = 'zset', q = 'zset', l = 'string', u = 'string', g = 'zset', t = 'zset', r = 'string', k = 'zset',
  h = 'zset', v = 'string', queues = 'set', leases = 'zset', running = 'hash', ended = 'zset', clock = 'string',
  totals = 'hash', cards = 'hash', seen = 'zset', periods = 'zset', b = 'set', p = 'zset', i = 'zset', rates = 'zset',
  parks = 'set', refills = 'zset', refilling = 'hash',
}
local EVIDENCE = {j = true, r = true}

local faults, mending, grave_ms, checked, members_of

local function begin_audit(repair, least_ms)
  faults, mending, grave_ms, checked, members_of = {}, repair == '1', tonumber(least_ms), {}, {}
end

-- Reports a fault; answers whether it is to be mended.
local function fault(kind, id, detail, may_mend)
  local mended = mending and may_mend ~= false
  for _, text in ipairs({kind, id, detail, mended and '1' or '0'}) do
    faults[#faults + 1] = text
  end
  return mended
end

-- Whether a key is absent or of its type. One of a wrong type is removed when it can be made anew, and then is absent.
local function sound(name, judged)
  if checked[name] or (checked[name] == false and not judged) then
    return checked[name]
  end
  local family = sub(name, 2, 2) == ':' and sub(name, 1, 1) or name
  local found, wanted = call('TYPE', base .. name).ok, KEY_TYPES[family]
  local good = found == 'none' or found == wanted
  if not good and (judged or (mending and not EVIDENCE[family])) then
    local detail = 'it holds a ' .. found .. ' where the store keeps a ' .. wanted
    if fault('wrong-type', 'T' .. name, detail, not EVIDENCE[family]) then
      call('DEL', base .. name)
      good = true
    end
  end
  checked[name] = good
  return good
end

-- A job's record as a table; nil when there is none, false when it cannot be read.
local function read_job(id)
  if not sound('j:' .. id) then
    return false
  end
  local value = call('GET', base .. 'j:' .. id)
  if not value then
    return nil
  end
  local fine, job = pcall(parse, id, value)
  if not fine or not job then
    return false
  end
  local whole, line, key = pcall(function()
    return line_of(job.static), key_of(job.static)
  end)
  if not whole or not string.match(line, '^%-?%d+|[^|]*|') then
    return false
  end
  job.line, job.key = line, key
  return job
end

local function leaves_at(job)
  return job.ended + (job.keep + (job.purged and math.max(job.keep, grave_ms) or 0)) * 1000
end

local function holds(job, key)
  return job == false or (job and job.state < COMPLETED and job.key == key)
end

-- Whether a group of leases lists a job.
local function listed(instant, id)
  if not sound('l:' .. instant) then
    return true
  end
  if not members_of[instant] then
    local blob, set = call('GET', base .. 'l:' .. instant) or '', {}
    for at = 1, #blob - 15, 16 do
      set[sub(blob, at, at + 15)] = true
    end
    members_of[instant] = set
  end
  return members_of[instant][id]
end

-- Gives a running job a lease that has ended.
local function lapse(work, job)
  job.lease_until, job.lease = now, math.max(job.lease, 0)
  enter_lease(work, job)
  changed(work, job)
  members_of[score_text(now)] = nil
end

local STATE_NAMES = {[0] = 'WAITING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'}

local function told(job)
  return job == nil and 'is unknown' or 'is ' .. STATE_NAMES[job.state]
end
