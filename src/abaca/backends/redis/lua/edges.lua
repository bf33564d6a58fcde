-- Prelude: edges between jobs. A job with open parents stands in no line: its record begins with OPEN, and it has a place
-- among those that limits hold back (limits.lua), under no bucket. How many parents it waits for is kept beside its
-- record, which may be large, until the last of them ends. A job with children has a record that begins with PARENT.
-- The keys are told in families.lua.

local bind, block, wait_for, wait_anew, no_delay, reopen_children

do
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
    local value = work.raw[id]
    if byte(value, 1) ~= PARENT then
      value = char(PARENT) .. value
      work.raw[id] = value
      local count = #work.values
      work.values[count + 1], work.values[count + 2] = base .. 'j:' .. id, value
    end
  end

  -- Makes the parents know of a child.
  function bind(work, id, kin)
    for i, parent in ipairs(kin.ids) do
      link(work, parent, id, kin.whens[i])
      mark_parent(work, parent)
    end
  end

  local function place_of_open(text)
    return '0::' .. text
  end

  -- Gives a job with open parents its place. `kin` is how they stand, where that is new.
  function block(work, id, static, due, kin)
    local place = place_of_open(line_of(static))
    move(work, base .. 'p:' .. place, id, due)
    work.parks[place] = true
    if kin then
      family(work)
      note_counts(work, id, pack(COUNTS, kin.open, kin.unmet, kin.delay))
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
      return block(work, job.id, job.static, job.due, kin)
    end
    set_unmet(job, kin and kin.unmet or 0)
    enter(work, job.id, job.static, job.due, job.epoch)
  end

  -- Puts a job that ran, or ended, where its parents say as they are now.
  function wait_anew(work, job)
    wait_for(work, job, read_kin(work, job.id, job.static, true))
  end

  -- Takes a job with open parents from its place.
  function leave_open(work, id, text)
    local place = place_of_open(text)
    move(work, base .. 'p:' .. place, id, false)
    family(work).left[place] = true
  end

  -- A job that has parents ended, was deleted, or gets others: they need not know of it any more.
  function leave_parents(work, job)
    if band(byte(job.static, 4), HAS_RULES) ~= 0 then
      for _, parent in ipairs((parents_of(job.static))) do
        unlink(work, parent, job.id)
      end
    end
    if job.open then
      local packed, open, unmet = counts_of(work, {job.id})[job.id], 0, 0
      if packed then
        open, unmet = sunpack(COUNTS, packed)
      end
      set_unmet(job, unmet, open)
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
        move(work, info.index, info.member, info.rank)
        work.due[info.queue] = (work.due[info.queue] or 0) + 1
      end
    end
  end

  local head = {}

  -- What a released job's record begins with; the children of one job mostly share it.
  local function released_head(created, due, unmet)
    if head.created ~= created or head.due ~= due or head.unmet ~= unmet then
      local text = unmet == 0 and pack('<BI7i8', DELAYED, created, due) or unmet_head(created, due, unmet)
      head = {created = created, due = due, unmet = unmet, text = text}
    end
    return head.text
  end

  -- The record of a job that waits since its insert, as it is when its last parent has ended; nil for any other. And its
  -- static part and due time.
  local function released(value, soonest, unmet)
    local at = byte(value, 1) == PARENT and 2 or 1
    local open, form = byte(value, at, at + 1)
    local created, due, static = nil, nil, nil
    if open ~= OPEN then
      return nil
    elseif form == FRESH and #value >= at + 8 then
      created = sunpack('<I7', value, at + 2)
      due, static = created, sub(value, at + 9)
    elseif form == DELAYED and #value >= at + 16 then
      created, due = sunpack('<I7i8', value, at + 2)
      static = sub(value, at + 17)
    end
    if not static or not plausible(static) then
      return nil
    end
    due = due > soonest and due or soonest
    return (at == 2 and char(PARENT) or '') .. released_head(created, due, unmet) .. static, static, due
  end

  -- Puts a job into its line whose last parent has ended.
  local function release(work, id, unmet, delay)
    note_counts(work, id, false)
    local soonest, raw = now + delay * 1000, work.raw[id]
    if raw and work.jobs[id] == nil then
      local value, static, due = released(raw, soonest, unmet)
      if value then
        local values = work.values
        local count = #values
        work.raw[id], values[count + 1], values[count + 2] = value, base .. 'j:' .. id, value
        leave_open(work, id, line_of(static))
        return enter(work, id, static, due, 0)
      end
    end
    local job = known(work, id)
    if job then
      leave_open(work, id, line_of(job.static))
      job.open, job.due = nil, math.max(job.due, soonest)
      set_unmet(job, unmet)
      enter(work, id, job.static, job.due, job.epoch)
      changed(work, job)
    elseif raw then
      release_damaged(work, id)
    end
  end

  -- A job with open parents has been given a new time: whatever its delay was, that counts.
  function no_delay(work, id)
    local packed = counts_of(work, {id})[id]
    if packed then
      local open, unmet = sunpack(COUNTS, packed)
      note_counts(work, id, pack(COUNTS, open, unmet, 0))
    end
  end

  -- A job with children ends in this state: it counts at each of them.
  function count_end(work, job, state)
    local children, names = children_of(work, job.id), {}
    for i = 1, #children, 2 do
      names[#names + 1] = children[i]
    end
    local counts, ready, after = counts_of(work, names), {}, {}
    for i, child in ipairs(names) do
      local packed = counts[child]
      if packed then
        local open, unmet, delay = sunpack(COUNTS, packed)
        if not is_met(children[2 * i], state) then
          unmet = unmet + 1
        end
        if open > 1 then
          note_counts(work, child, pack(COUNTS, open - 1, unmet, delay))
        else
          ready[#ready + 1] = child
          after[#ready] = {unmet, delay}
        end
      end
    end
    ensure(work, ready)
    for i, child in ipairs(ready) do
      release(work, child, after[i][1], after[i][2])
    end
  end

  -- A job with children that ended in this state is requeued: those that wait and have open or unmet parents wait for
  -- it again.
  function reopen_children(work, job, state)
    local children, names = children_of(work, job.id), {}
    for i = 1, #children, 2 do
      names[#names + 1] = children[i]
    end
    local counts = counts_of(work, names)
    ensure(work, names)
    for i, child in ipairs(names) do
      local packed, other = counts[child], known(work, child)
      local back = is_met(children[2 * i], state) and 0 or 1
      if packed then
        local open, unmet, delay = sunpack(COUNTS, packed)
        note_counts(work, child, pack(COUNTS, open + 1, math.max(0, unmet - back), delay))
      elseif other and other.state == WAITING and unmet_of(other) > 0 then
        local kin = {open = 1, unmet = math.max(0, unmet_of(other) - back), delay = delay_of(other.static)}
        leave(work, other)
        other.open = true
        block(work, child, other.static, other.due, kin)
        set_unmet(other, 0)
        changed(work, other)
      end
    end
  end
end
