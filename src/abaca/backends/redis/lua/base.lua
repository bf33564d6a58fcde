-- Prelude of every script: what each call begins with.
-- KEYS[1] is the partition's name ("abaca:{00}:"), with which each key of the partition begins; the keys are listed in
-- keys.py. ARGV[1] is the test clock's instant in microseconds, or empty: then the server's TIME is used.

-- What the server lends to a call; while a library is loaded it is not there yet.
local call, pack, sunpack, band, sub, byte, char

local KEYS, ARGV, base, now, ENDED

-- Memories of one call: scores as text, because the jobs of one call mostly share theirs and printing a number costs
-- more than a look-up; lines by their text; whether anybody watches any job; and keys known to be of their type.
local score_texts, lines, watched, proven, pending

local function begin(keys, args)
  call, pack, sunpack, band = redis.call, struct.pack, struct.unpack, bit.band
  sub, byte, char = string.sub, string.byte, string.char
  KEYS, ARGV, base = keys, args, keys[1]
  ENDED = base .. 'ended'
  score_texts, lines, watched, proven, pending = {}, {}, nil, {}, {}
  now = tonumber(ARGV[1])
  if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  end
end

local score_text

do
  local EXACT = 2 ^ 53

  -- Whole numbers are printed in less time as such.
  function score_text(number)
    local text = score_texts[number]
    if not text then
      local whole = number % 1 == 0 and number < EXACT and number > -EXACT
      text = string.format(whole and '%d' or '%.0f', number)
      score_texts[number] = text
    end
    return text
  end
end

-- A part of a unit of work to be read, which is not made if nothing was noted there.
local part

do
  local NONE = {}

  function part(work, name)
    return rawget(work, name) or NONE
  end
end

-- Whether one id comes before another in a sorted set. Lua's own `<` follows the server's locale.
local function precedes(a, b)
  for at = 1, #a do
    local left, right = byte(a, at), byte(b, at)
    if left ~= right then
      return not right or left < right
    end
  end
  return #a < #b
end

-- Raises the server's error when a key is of another type than `command` reads. Nothing undoes the writes of a script that
-- fails in its middle, so keys are proved before the first write.
local function prove(command, key)
  if not proven[key] then
    call(command, key)
    proven[key] = true
  end
end

-- Lua's stack is limited, so long lists go to the server in pieces. `head` is the key that comes first, if there is one.
local CHUNK = 1000

local function in_chunks(command, head, list)
  for first = 1, #list, CHUNK do
    local last = math.min(first + CHUNK - 1, #list)
    if head then
      call(command, head, unpack(list, first, last))
    else
      call(command, unpack(list, first, last))
    end
  end
end

-- The packed records of these ids, in order; false where there is none. And their keys.
local function fetch(ids)
  local prefix, keys = base .. 'j:', {}
  for i = 1, #ids do
    keys[i] = prefix .. ids[i]
  end
  if #keys == 0 then
    return {}, keys
  elseif #keys <= CHUNK then
    return call('MGET', unpack(keys)), keys
  end
  local values = {}
  for first = 1, #keys, CHUNK do
    local found = call('MGET', unpack(keys, first, math.min(first + CHUNK - 1, #keys)))
    for i = 1, #found do
      values[first + i - 1] = found[i]
    end
  end
  return values, keys
end
