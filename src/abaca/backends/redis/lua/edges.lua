-- Prelude: edges between jobs. A job with open parents stands in no line: its record begins with OPEN, and it has a place
-- among those that limits hold back (limits.lua), under no bucket. How many parents it waits for is kept beside its
-- record, which may be large, until the last of them ends. A job with children has a record that begins with PARENT.
--
-- The keys are told in families.lua.

local closes_circle, read_kin, bind, block, wait_for, wait_anew, no_delay, reopen_children, show_open
local parents_of, recount
do
  local WHENS = {completed = '0', failed = '1', ended = '2'}

  local function met(when, state)
    return when == '2' or (when == '0') == (state == COMPLETED)
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

  -- Reads the records of those of which this unit of work does not know more than that they are there.
  local function ensure(work, ids)
    local missing = {}
    for _, id in ipairs(ids) do
      local job = work.jobs[id]
      if type(job) ~= 'table' and job ~= false and not work.raw[id] and not work.fresh[id] then
        work.jobs[id] = nil
        missing[#missing + 1] = id
      end
    end
    load(work, missing)
  end

  local function state_now(work, id)
    local job = work.jobs[id]
    if type(job) == 'table' then
      return job.state
    elseif job ~= false then
      return work.raw[id] and state_in(work.raw[id]) or WAITING
    end
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

  -- The counts of jobs, by id; false for those that do not wait for parents.
  local function counts_of(work, ids)
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
        open[missing[i]] = packed and #packed == 16 and {sunpack(COUNTS, packed)} or false
      end
    end
    return open
  end

  -- The children of a job that have not ended, and what end each asks for.
  local function children_of(work, id)
    local found, ids, whens = call('HGETALL', base .. 'c:' .. id), {}, {}
    local noted = family(work).links[id] or {}
    for i = 1, #found, 2 do
      if noted[found[i]] == nil then
        ids[#ids + 1], whens[#whens + 1] = found[i], found[i + 1]
      end
    end
    for child, when in pairs(noted) do
      if when then
        ids[#ids + 1], whens[#whens + 1] = child, when
      end
    end
    return ids, whens
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
      elseif not state or not met(whens[i], state) then
        kin.unmet = kin.unmet + 1
      end
      if state then
        kin.ids[#kin.ids + 1], kin.whens[#kin.whens + 1] = id, whens[i]
      end
    end
    return kin
  end

  -- Has the record of a job say that it has children.
  local function mark_parent(work, id)
    local job = work.jobs[id]
    if type(job) == 'table' then
      if not job.parent then
        job.parent = true
        changed(work, job)
      end
      return
    end
    local at = work.fresh[id]
    local value = at and work.values[at] or work.raw[id]
    if byte(value, 1) == PARENT then
      return
    end
    value = char(PARENT) .. value
    if work.raw[id] then
      work.raw[id] = value
    end
    if at then
      work.values[at] = value
    else
      work.values[#work.values + 1] = base .. 'j:' .. id
      work.values[#work.values + 1] = value
    end
  end

  -- Makes the parents know of a child.
  function bind(work, id, kin)
    for i, parent in ipairs(kin.ids) do
      link(work, parent, id, kin.whens[i])
      mark_parent(work, parent)
    end
  end

  local function place_of_open(static)
    return '0::' .. line_of(static)
  end

  -- Gives a job with open parents its place. `counts` are those that it has now, if they change.
  function block(work, id, static, due, counts)
    local place = place_of_open(static)
    move(work, base .. 'p:' .. place, id, due)
    work.parks[place] = true
    if counts then
      note_counts(work, id, counts)
    end
  end

  -- Puts a waiting job where its parents say: into its line, or among those that wait for parents.
  function wait_for(work, job, kin)
    job.open = kin and kin.open > 0 or nil
    if kin then
      bind(work, job.id, kin)
    end
    if job.open then
      set_unmet(job, 0)
      return block(work, job.id, job.static, job.due, {kin.open, kin.unmet, kin.delay})
    end
    set_unmet(job, kin and kin.unmet or 0)
    enter(work, job.id, job.static, job.due, job.epoch)
  end

  -- Puts a job that ran, or ended, where its parents say as they are now.
  function wait_anew(work, job)
    wait_for(work, job, read_kin(work, job.id, job.static, true))
  end

  -- Takes a job with open parents from its place.
  function leave_open(work, id, static)
    local place = place_of_open(static)
    move(work, base .. 'p:' .. place, id, false)
    family(work).left[place] = true
  end

  -- A job that has parents ended, was deleted, or gets others: they need not know of it any more.
  function leave_parents(work, job)
    if band(byte(job.static, 4), HAS_RULES) ~= 0 then
      for _, parent in ipairs((parents_of(job.static))) do
        link(work, parent, job.id, false)
      end
    end
    if job.open then
      local counts = counts_of(work, {job.id})[job.id] or {0, 0}
      set_unmet(job, counts[2], counts[1])
      job.open = nil
      note_counts(work, job.id, false)
    end
  end

  -- Where a job with open parents stands whose record cannot be read; it goes on into its line, for its claimer to see.
  local function release_damaged(work, id)
    for _, place in ipairs(call('SMEMBERS', base .. 'parks')) do
      local due = sub(place, 1, 3) == '0::' and call('ZSCORE', base .. 'p:' .. place, id)
      if due then
        local info = line_info(sub(place, 4))
        move(work, base .. 'p:' .. place, id, false)
        move(work, info.key, id, tonumber(due))
        work.due[info.queue] = (work.due[info.queue] or 0) + 1
      end
    end
  end

  -- The record of a job that waits since its insert, as it is when its last parent has ended as it asks for; nil for
  -- any other. And its static part and due time.
  local function released(value, soonest)
    local at = byte(value, 1) == PARENT and 2 or 1
    local open, form = byte(value, at, at + 1)
    local created, due, static = nil, nil, nil
    if open ~= OPEN then
      return nil
    elseif form == FRESH and #value >= at + 8 then
      created = sub(value, at + 2, at + 8)
      due, static = sunpack('<I7', created), sub(value, at + 9)
    elseif form == DELAYED and #value >= at + 16 then
      created, due = sub(value, at + 2, at + 8), sunpack('<i8', value, at + 9)
      static = sub(value, at + 17)
    end
    if not static or not plausible(static) then
      return nil
    end
    due = math.max(due, soonest)
    return sub(value, 1, at - 1) .. char(DELAYED) .. created .. pack('<i8', due) .. static, static, due
  end

  -- Puts a job into its line whose last parent has ended.
  local function release(work, id, counts)
    note_counts(work, id, false)
    local soonest, raw = now + counts[3] * 1000, work.raw[id]
    if raw and work.jobs[id] == nil and counts[2] == 0 then
      local value, static, due = released(raw, soonest)
      if value then
        work.raw[id] = value
        work.values[#work.values + 1] = base .. 'j:' .. id
        work.values[#work.values + 1] = value
        leave_open(work, id, static)
        return enter(work, id, static, due, 0)
      end
    end
    local job = known(work, id)
    if job then
      leave_open(work, id, job.static)
      job.open, job.due = nil, math.max(job.due, soonest)
      set_unmet(job, counts[2])
      enter(work, id, job.static, job.due, job.epoch)
      changed(work, job)
    elseif work.raw[id] then
      release_damaged(work, id)
    end
  end

  -- A job with open parents has been given a new time: whatever its delay was, that counts.
  function no_delay(work, id)
    local counts = counts_of(work, {id})[id]
    if counts then
      counts[3] = 0
      note_counts(work, id, counts)
    end
  end

  -- A job with children ends in this state: it counts at each of them.
  function count_end(work, job, state)
    local children, whens = children_of(work, job.id)
    local open, ready = counts_of(work, children), {}
    for i, child in ipairs(children) do
      local counts = open[child]
      if counts then
        counts[1] = counts[1] - 1
        if not met(whens[i], state) then
          counts[2] = counts[2] + 1
        end
        note_counts(work, child, counts)
        if counts[1] <= 0 then
          ready[#ready + 1] = child
        end
      end
    end
    ensure(work, ready)
    for _, child in ipairs(ready) do
      release(work, child, open[child])
    end
  end

  -- A job with children that ended in this state is requeued: those that wait and have open or unmet parents wait for
  -- it again.
  function reopen_children(work, job, state)
    local children, whens = children_of(work, job.id)
    local open = counts_of(work, children)
    ensure(work, children)
    for i, child in ipairs(children) do
      local counts, other = open[child], known(work, child)
      local back = met(whens[i], state) and 0 or 1
      if counts then
        counts[1], counts[2] = counts[1] + 1, math.max(0, counts[2] - back)
        note_counts(work, child, counts)
      elseif other and other.state == WAITING and unmet_of(other) > 0 then
        local _, _, delay = parents_of(other.static)
        leave(work, other)
        other.open = true
        block(work, child, other.static, other.due, {1, math.max(0, unmet_of(other) - back), delay})
        set_unmet(other, 0)
        changed(work, other)
      end
    end
  end

  -- How many of a job's edges lead to parents that are open, and to such as ended unmet, and how many parents have no
  -- edge to it. `sound` tells whether a key can be read.
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
      elseif not met(whens[i], state) then
        unmet = unmet + 1
      end
    end
    return open, unmet, gone
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
