-- Prelude: how an audit judges. The job records are the truth; each key and each entry is compared with them, in the one
-- call that also reports or mends it. A fault is four texts: its kind, "J" and an id of 16 bytes or "T" and a text,
-- what is wrong, and '1' when it was mended.

local faults, mending, begin_audit, fault, sound, read_job, leaves_at, holds, listed, lapse, told, judge_edge
local places_of, jobs_of_tenant

do
  local KEY_TYPES = {
    j = 'string', w = 'zset', q = 'zset', l = 'string', u = 'string', g = 'zset', t = 'zset', r = 'string', k = 'zset',
    h = 'zset', v = 'string', queues = 'set', leases = 'zset', running = 'hash', ended = 'zset', clock = 'string',
    totals = 'hash', cards = 'hash', seen = 'zset', periods = 'zset', b = 'set', p = 'zset', i = 'zset', rates = 'zset',
    c = 'hash', open = 'hash', parks = 'set', refills = 'zset', refilling = 'hash', m = 'zset', n = 'zset', f = 'zset',
    a = 'zset', o = 'zset', y = 'hash', d = 'zset', e = 'zset', claims = 'hash', tasks = 'string',
    paces = 'hash',
  }
  local EVIDENCE = {j = true, r = true}

  local grave_ms, checked, members_of, named, parked_by

  function begin_audit(repair, least_ms)
    faults, mending, grave_ms, checked, members_of, named = {}, repair == '1', tonumber(least_ms), {}, {}, {}
    parked_by = nil
  end

  -- Reports a fault; answers whether it is to be mended.
  function fault(kind, id, detail, may_mend)
    local mended = mending and may_mend ~= false
    for _, text in ipairs({kind, id, detail, mended and '1' or '0'}) do
      faults[#faults + 1] = text
    end
    return mended
  end

  -- Whether a key is absent or of its type. One of a wrong type is removed when it can be made anew, and then is absent.
  function sound(name, judged)
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
  function read_job(id)
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
      job.kind, job.of_kind = kinds.of(job.static, job.epoch)
      return line_of(job.static), key_of(job.static)
    end)
    if not whole or not string.match(line, '^%-?%d+|[^|]*|') then
      return false
    end
    job.line, job.key = line, key
    return job
  end

  function leaves_at(job)
    return job.ended + (job.keep + (job.purged and math.max(job.keep, grave_ms) or 0)) * 1000
  end

  function holds(job, key)
    return job == false or (job and job.state < COMPLETED and job.key == key)
  end

  -- The places at which a job stands that is in its line: the name and member of each sorted set, and the score.
  function places_of(job)
    if job.kind == 'd' then
      return {{'d:' .. job.line, job.id, job.due}, {'e:' .. job.line, job.id, job.due + job.of_kind * 1000}}
    elseif job.kind == 'm' then
      local own = sub(fronts.line_key(job.of_kind, job.line), #base + 1)
      return {{'m:' .. job.line, job.id .. job.of_kind, job.due}, {own, job.id, job.due}}
    end
    return {{'w:' .. job.line, job.id, job.due}}
  end

  -- How many jobs are parked out of the ordinary lines, by priority and queue ("priority|queue"), then by tenant.
  local function count_parked()
    parked_by = {}
    for _, place in ipairs(call('SMEMBERS', base .. 'parks')) do
      local bucket, _, text, tenant = spots.read(place)
      if tenant and bucket ~= '' then
        local group = table.concat({fronts.group_of(text)}, '|')
        local counts = parked_by[group] or {}
        parked_by[group], counts[tenant] = counts, (counts[tenant] or 0) + call('ZCARD', base .. 'p:' .. place)
      end
    end
  end

  -- How many jobs a tenant has in the ordinary lines of a priority and parked out of them. Those that name no tenant are
  -- counted where they are parked.
  function jobs_of_tenant(group, tenant)
    if not parked_by then
      count_parked()
    end
    local count = parked_by[group] and parked_by[group][tenant] or 0
    local queue = string.match(group, '^[^|]*|(.*)$')
    for _, listed_one in ipairs(tenant ~= '' and call('ZRANGE', base .. 'q:' .. queue, 0, -1) or {}) do
      local line = string.match(listed_one, '^([^|]*|[^|]*|)m$')
      local key = line and fronts.line_key(tenant, line .. queue)
      if key and table.concat({fronts.group_of(line .. queue)}, '|') == group and sound(sub(key, #base + 1)) then
        count = count + call('ZCARD', key)
      end
    end
    return count
  end

  -- Whether a group of leases lists a job.
  function listed(instant, id)
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
  function lapse(work, job)
    job.lease_until, job.lease = now, math.max(job.lease, 0)
    enter_lease(work, job)
    changed(work, job)
    members_of[score_text(now)] = nil
  end

  local STATE_NAMES = {[0] = 'WAITING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'}

  function told(job)
    return job == nil and 'is unknown' or 'is ' .. STATE_NAMES[job.state]
  end

  -- A job as far as edges ask, read once in a call: nil when there is none, false when it cannot be read.
  local function end_of_edge(id)
    if named[id] == nil then
      local job = read_job(id)
      if job and job.state < COMPLETED then
        job.parents = {}
        for _, parent in ipairs((parents_of(job.static))) do
          job.parents[parent] = true
        end
      end
      named[id] = {job = job}
    end
    return named[id].job
  end

  -- An edge: the child has not ended and names the parent, which is there.
  function judge_edge(parent, child)
    local job, of = end_of_edge(child), end_of_edge(parent)
    local detail
    if job == nil or (job and (job.state >= COMPLETED or not job.parents[parent])) then
      detail = 'an edge leads to it that it does not wait for, and the job ' .. told(job)
    elseif of == nil then
      detail = 'an edge leads to it from a job that is unknown'
    end
    if detail and fault('edge-without-job', 'J' .. child, detail) then
      call('HDEL', base .. 'c:' .. parent, child)
    end
  end
end
