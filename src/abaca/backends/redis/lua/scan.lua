-- scan: the records of a kind in order of id. Ids whose record is over leave the index on the way.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 kind; 3 id after which to begin; 4 limit
-- answer  id, packed record (as in read) for each
-- flags: allow-oom

local index, limit, answer, over = base .. 'k:' .. ARGV[2], tonumber(ARGV[4]), {}, {}
local from = ARGV[3] == '' and '-' or '(' .. ARGV[3]
repeat
  local ids = call('ZRANGE', index, from, '+', 'BYLEX', 'LIMIT', 0, CHUNK)
  for _, id in ipairs(ids) do
    local value = call('GET', base .. 'r:' .. ARGV[2] .. ':' .. id)
    local ends = value and sunpack('<i8', value, 9)
    if not value or (ends > 0 and now >= ends) then
      over[#over + 1] = id
    elseif #answer < 2 * limit then
      answer[#answer + 1] = id
      answer[#answer + 1] = value
    end
  end
  from = ids[1] and '(' .. ids[#ids]
until #ids < CHUNK or #answer >= 2 * limit
for _, id in ipairs(over) do
  call('DEL', base .. 'r:' .. ARGV[2] .. ':' .. id)
end
in_chunks('ZREM', index, over)
return answer
