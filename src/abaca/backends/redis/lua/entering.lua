-- Prelude: how a new job enters the store; `insert` and the follow-ups of `exchange` use it.

local look, enter_new

do
  -- Reads which of these ids are known already.
  function look(work, ids)
    local values = fetch(ids)
    for i, id in ipairs(ids) do
      if values[i] and not work.jobs[id] then
        work.jobs[id] = true
      end
    end
  end

  -- The place of a new job: id (16), flags (1: 1 due at an instant, 2 may replace, 4 its key is for a period, 8 has a tick),
  -- the instant or the delay in ms (8), [the period in ms (8)], [the tick's instant (8) and its schedule].
  local INSTANT, MAY_REPLACE, FOR_PERIOD, HAS_TICK = 1, 2, 4, 8

  -- Answers id, flags, due time, and where they apply the end of the period, the tick and its schedule.
  local function read_place(place)
    local id, flags, number = sunpack('<c16Bi8', place)
    local due = band(flags, INSTANT) ~= 0 and number or now + number * 1000
    local at, ends, tick = 26, nil, nil
    if band(flags, FOR_PERIOD) ~= 0 then
      ends, at = now + sunpack('<i8', place, at) * 1000, at + 8
    end
    if band(flags, HAS_TICK) ~= 0 then
      tick = sunpack('<i8', place, at)
    end
    return id, flags, due, ends, tick, tick and sub(place, at + 8)
  end

  -- The job that holds a key, if it waits.
  local function waiting_holder(work, id)
    if type(work.jobs[id]) ~= 'table' and not work.raw[id] then
      work.jobs[id] = nil
      load(work, {id})
    end
    local job = known(work, id)
    return job and job.state == WAITING and job or nil
  end

  -- Gives a waiting holder of a key all that a new job asks for.
  local function replace_holder(work, job, static, due, ends, kin)
    local id = job.id
    admission.count(work, line_info(line_of(job.static)).queue, -1)
    admission.count(work, line_info(line_of(static)).queue, 1)
    admission.forget_due(work)
    leave(work, job)
    leave_parents(work, job)
    job.static, job.due, job.revision, job.hint = static, due, job.revision + 1, true
    wait_for(work, job, kin)
    changed(work, job)
    hold_key(work, key_of(static), id, ends)
  end

  -- The record of a new job. Most are short.
  local function new_record(id, static, due, kin)
    if kin and kin.open == 0 and kin.unmet > 0 then
      local job = new_job(id, now, due, static)
      set_unmet(job, kin.unmet)
      return format(job)
    end
    local value
    if due == now then
      value = pack('<BI7', FRESH, now) .. static
    else
      value = pack('<BI7i8', DELAYED, now, due) .. static
    end
    return kin and kin.open > 0 and char(OPEN) .. value or value
  end

  -- Answers the outcome (0 inserted, 1 known, 2 held, 3 refused, 4 replaced, 5 passed, 6 a parent is unknown), and where
  -- there is one the holder's id, how the queue is full, or the place of the parent. Follow-ups of other jobs
  -- come in although a queue is full and parents are unknown.
  function enter_new(work, place, static, follows)
    local id, flags, due, ends, tick, schedule = read_place(place)
    if work.jobs[id] or work.raw[id] then
      return 1
    end
    if tick and not move_cursor(work, schedule, tick) then
      return 5
    end
    local key = key_of(static)
    local held = key and holder(work, key)
    local replaced = held and band(flags, MAY_REPLACE) ~= 0 and waiting_holder(work, held)
    if held and (not replaced or closes_circle(work, held, static)) then
      return 2, held
    end
    local queue = not held and not follows and line_info(line_of(static)).queue
    local bounded, lower = queue and admission.bounded(work, queue), nil
    local full = bounded and admission.full(work, queue)
    if full then
      lower = admission.lower(work, queue, static)
      if not lower then
        return 3, full
      end
    end
    local kin, unknown = nil, nil
    if band(byte(static, 4), HAS_RULES) ~= 0 then
      kin, unknown = read_kin(work, held or id, static, follows)
    end
    if unknown then
      return 6, tostring(unknown)
    end
    if replaced then
      replace_holder(work, replaced, static, due, ends, kin)
      return 4, held
    end
    if lower then
      admission.shed(work, lower, queue, id)
      kin = kin and read_kin(work, id, static, follows)
    end
    if bounded then
      admission.stored(work, queue, due, not kin)
    end
    if key then
      hold_key(work, key, id, ends)
    end
    local value, count = new_record(id, static, due, kin), #work.values
    work.values[count + 1], work.values[count + 2] = base .. 'j:' .. id, value
    work.fresh[id] = count + 2
    if key then
      work.jobs[id], work.raw[id] = nil, value
    else
      work.jobs[id] = true
    end
    if not kin then
      enter(work, id, static, due, 0)
      return 0
    end
    bind(work, id, kin)
    if kin.open > 0 then
      block(work, id, static, due, kin)
    else
      enter(work, id, static, due, 0)
    end
    return 0
  end
end
