-- Prelude of every script: what each call begins with.
-- KEYS[1] is the partition's name ("abaca:{00}:"), with which each key of the partition begins; the keys are listed in
-- keys.py. ARGV[1] is the test clock's instant in microseconds, or empty: then the server's TIME is used.

-- What the server lends to a call; while a library is loaded it is not there yet.
local call, pack, sunpack, band, sub, byte, char

local KEYS, ARGV, base, now, LEASES, ENDED

-- Memories of one call: scores as text, because the jobs of one call mostly share theirs and printing a number costs
-- more than a look-up; and lines by their text.
local score_texts, lines

local function begin(keys, args)
  call, pack, sunpack, band = redis.call, struct.pack, struct.unpack, bit.band
  sub, byte, char = string.sub, string.byte, string.char
  KEYS, ARGV, base = keys, args, keys[1]
  LEASES, ENDED = base .. 'leases', base .. 'ended'
  score_texts, lines = {}, {}
  now = tonumber(ARGV[1])
  if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  end
end

local function score_text(number)
  local text = score_texts[number]
  if not text then
    text = string.format('%.0f', number)
    score_texts[number] = text
  end
  return text
end

-- Lua's stack is limited, so long lists go to the server in pieces. `head` is the key that comes first, if there is one.
local CHUNK = 200

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

-- The packed records of these ids, in order; false where there is none.
local function fetch(ids)
  local values = {}
  for first = 1, #ids, CHUNK do
    local keys = {}
    for i = first, math.min(first + CHUNK - 1, #ids) do
      keys[#keys + 1] = base .. 'j:' .. ids[i]
    end
    local found = call('MGET', unpack(keys))
    for i = 1, #keys do
      values[first + i - 1] = found[i]
    end
  end
  return values
end
