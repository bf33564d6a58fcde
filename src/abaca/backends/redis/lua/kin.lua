-- Prelude: the parents and children of a job, and how they stand.

local parents_of, ensure, children_of, counts_of, closes_circle, read_kin, recount, is_met, show_open

do
  local WHENS = {completed = '0', failed = '1', ended = '2'}

  -- Whether an end is what an edge asks for.
  function is_met(when, state)
    return when == '2' or (when == '0') == (state == COMPLETED)
  end

  -- The bytes of an id; of a text that is none, something that no job has.
  local function id_bytes(text)
    if #text ~= 32 or string.find(text, '[^0-9a-f]') then
      return ''
    end
    return (string.gsub(text, '%x%x', function(digits)
      return char(tonumber(digits, 16))
    end))
  end

  -- The parents that a job names, what end it asks of each, and its delay.
  function parents_of(static)
    local rules = rules_of(static)
    local ids, whens = {}, {}
    for _, edges in ipairs(rules.After or {}) do
      local packed, when = edges[1], WHENS[edges[2]]
      if type(packed) == 'string' then
        for at = 1, #packed - 15, 16 do
          ids[#ids + 1], whens[#whens + 1] = sub(packed, at, at + 15), when
        end
      else
        for _, text in ipairs(packed) do
          ids[#ids + 1], whens[#whens + 1] = id_bytes(text), when
        end
      end
    end
    return ids, whens, rules.DelayMs or 0
  end

  -- Sees to it that the records of these are at hand, as this unit of work leaves them.
  function ensure(work, ids)
    local missing = {}
    for _, id in ipairs(ids) do
      local job = work.jobs[id]
      if type(job) ~= 'table' and job ~= false and not work.raw[id] then
        work.jobs[id], work.raw[id] = nil, work.values[work.fresh[id]]
        missing[#missing + 1] = not work.raw[id] and id or nil
      end
    end
    load(work, missing)
  end

  -- The state in a packed record.
  local function state_in(value)
    local at = byte(value, 1) == PARENT and 2 or 1
    local form, flags = byte(value, at, at + 1)
    if form == LEASED then
      return RUNNING
    elseif form == DONE then
      return flags or WAITING
    elseif form == FULL then
      return band(flags or 0, 7)
    end
    return WAITING
  end

  -- The state of a job, or nil when it is unknown. After `ensure`.
  local function state_now(work, id)
    local job = work.jobs[id]
    if type(job) == 'table' then
      return job.state
    end
    local value = job ~= false and work.raw[id]
    return value and state_in(value) or nil
  end

  -- The packed counts of jobs, by id; false for those that do not wait for parents.
  function counts_of(work, ids)
    local open, missing = family(work).open, {}
    for _, id in ipairs(ids) do
      if open[id] == nil then
        missing[#missing + 1] = id
      end
    end
    for first = 1, #missing, CHUNK do
      local last = math.min(first + CHUNK - 1, #missing)
      local values = call('HMGET', base .. 'open', unpack(missing, first, last))
      for i = first, last do
        local packed = values[i - first + 1]
        open[missing[i]] = packed and #packed == 16 and packed
      end
    end
    return open
  end

  -- The children of a job that have not ended, and what end each asks for, one after the other.
  function children_of(work, id)
    local found, noted = call('HGETALL', base .. 'c:' .. id), family(work)
    local gone, left = {}, found
    if noted.unlinks[id] then
      for _, child in ipairs(noted.unlinks[id]) do
        gone[child] = true
      end
      left = {}
      for i = 1, #found, 2 do
        if not gone[found[i]] then
          left[#left + 1] = found[i]
          left[#left + 1] = found[i + 1]
        end
      end
    end
    if noted.links[id] then
      local there = {}
      for i = 1, #left, 2 do
        there[left[i]] = i
      end
      for i = 1, #noted.links[id], 2 do
        local child = noted.links[id][i]
        local at = there[child] or #left + 1
        there[child], left[at], left[at + 1] = at, child, noted.links[id][i + 1]
      end
    end
    return left
  end

  -- Whether a job names parents, and has children that have not ended: it would close a circle.
  function closes_circle(work, id, static)
    return #(rules_of(static).After or {}) > 0 and #children_of(work, id) > 0
  end

  -- How the parents stand that a job of this id names: how many are open, how many unmet, and those that are to know of
  -- it. Nil without parents. Where an unknown one is not to count as unmet, answers false and its place instead.
  function read_kin(work, own, static, unknown_is_unmet)
    if band(byte(static, 4), HAS_RULES) == 0 then
      return nil
    end
    local ids, whens, delay = parents_of(static)
    if #ids == 0 then
      return nil
    end
    ensure(work, ids)
    local kin = {open = 0, unmet = 0, delay = delay, ids = {}, whens = {}}
    for i, id in ipairs(ids) do
      local state = id ~= own and state_now(work, id)
      if not state and not unknown_is_unmet then
        return false, i
      elseif state and state < COMPLETED then
        kin.open = kin.open + 1
      elseif not state or not is_met(whens[i], state) then
        kin.unmet = kin.unmet + 1
      end
      if state then
        kin.ids[#kin.ids + 1], kin.whens[#kin.whens + 1] = id, whens[i]
      end
    end
    return kin
  end

  -- How many of a job's edges lead to parents that are open, and to such as ended unmet, how many parents have no edge to
  -- it, and how many it names. `sound` tells whether a key can be read.
  function recount(work, job, sound)
    local ids, whens = parents_of(job.static)
    local open, unmet, gone = 0, 0, 0
    ensure(work, ids)
    for i, id in ipairs(ids) do
      local state = state_now(work, id)
      if not state or not sound('c:' .. id) or call('HEXISTS', base .. 'c:' .. id, job.id) == 0 then
        gone = gone + 1
      elseif state < COMPLETED then
        open = open + 1
      elseif not is_met(whens[i], state) then
        unmet = unmet + 1
      end
    end
    return open, unmet, gone, #ids
  end

  -- Shows how many parents a job waits for in those of these records that are of such jobs.
  function show_open(ids, values)
    for i, id in ipairs(ids) do
      local first, second = byte(values[i] or '', 1, 2)
      if first == OPEN or (first == PARENT and second == OPEN) then
        local job, packed = parse(id, values[i]), redis.pcall('HGET', base .. 'open', id)
        if job then
          local open, unmet = 1, 0
          if type(packed) == 'string' and #packed == 16 then
            open, unmet = sunpack(COUNTS, packed)
          end
          job.open = nil
          set_unmet(job, unmet, open)
          values[i] = format(job)
        end
      end
    end
  end
end
