-- Prelude: how a new job enters the store; `insert` and the follow-ups of `exchange` use it.

-- Reads which of these ids are known already.
local function look(work, ids)
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

-- Gives a waiting holder of a key all that a new job asks for; answers whether it waits.
local function replace_holder(work, id, static, due, ends)
  if type(work.jobs[id]) ~= 'table' and not work.raw[id] then
    work.jobs[id] = nil
    load(work, {id})
  end
  local job = known(work, id)
  if not job or job.state ~= WAITING then
    return false
  end
  for text, by in pairs({[line_of(job.static)] = 1, [line_of(static)] = -1}) do
    local queue = line_info(text).queue
    if room_in(work, queue) then
      work.room[queue] = work.room[queue] + by
    end
  end
  leave(work, job)
  job.static, job.due, job.revision, job.hint = static, due, job.revision + 1, true
  enter(work, id, static, due)
  changed(work, job)
  hold_key(work, key_of(static), id, ends)
  return true
end

-- Answers the outcome (0 inserted, 1 known, 2 held, 3 refused, 4 replaced, 5 passed), and the holder's id or the maximal
-- length of the queue where there is one. Follow-ups of other jobs come in although a queue is full.
local function enter_new(work, place, static, follows)
  local id, flags, due, ends, tick, schedule = read_place(place)
  if work.jobs[id] or work.raw[id] then
    return 1
  end
  if tick and not move_cursor(work, schedule, tick) then
    return 5
  end
  local key = key_of(static)
  if key then
    local held = holder(work, key)
    if held and band(flags, MAY_REPLACE) ~= 0 and replace_holder(work, held, static, due, ends) then
      return 4, held
    elseif held then
      return 2, held
    end
  end
  local queue = not follows and line_info(line_of(static)).queue
  local room, most = nil, nil
  if queue then
    room, most = room_in(work, queue)
  end
  if room then
    if room <= 0 then
      return 3, tostring(most)
    end
    work.room[queue] = room - 1
  end
  if key then
    hold_key(work, key, id, ends)
  end
  local value
  if due == now then
    value = pack('<BI7', FRESH, now) .. static
  else
    value = pack('<BI7i8', DELAYED, now, due) .. static
  end
  work.fresh[id] = true
  if key then
    work.jobs[id], work.raw[id] = nil, value
  else
    work.jobs[id] = true
  end
  work.values[#work.values + 1] = base .. 'j:' .. id
  work.values[#work.values + 1] = value
  enter(work, id, static, due)
  return 0
end
