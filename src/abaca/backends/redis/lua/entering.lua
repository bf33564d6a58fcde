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

-- Answers the outcome (0 inserted, 1 known, 2 held) and, when held, the holder's id.
-- `place` is the id (16), how the due time is given (1: 0 delay in ms, 1 instant), and that number (8).
local function enter_new(work, place, static)
  local id, absolute, number = sunpack('<c16Bi8', place)
  if work.jobs[id] or work.raw[id] then
    return 1
  end
  local key = key_of(static)
  if key then
    local held = holder(work, key)
    if held then
      return 2, held
    end
    hold_key(work, key, id)
  end
  local due = absolute == 1 and number or now + number * 1000
  local value
  if due == now then
    value = pack('<BI7', FRESH, now) .. static
  else
    value = pack('<BI7i8', DELAYED, now, due) .. static
  end
  work.jobs[id], work.fresh[id] = true, true
  work.values[#work.values + 1] = base .. 'j:' .. id
  work.values[#work.values + 1] = value
  enter(work, id, static, due)
  return 0
end
