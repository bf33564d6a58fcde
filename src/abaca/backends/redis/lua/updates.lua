-- updates: a job and a slice of its log, read together.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 id; 3 after; 4 limit
-- answer  now, record or false, then the packed entries in order
-- flags: no-writes

local id = ARGV[2]
local values = {call('GET', base .. 'j:' .. id)}
show_open({id}, values)
local answer = {string.format('%.0f', now), values[1]}
local entries = {}
for _, kind in ipairs({'g:', 't:'}) do
  local found = call('ZRANGE', base .. kind .. id, '(' .. ARGV[3], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[4])
  for _, entry in ipairs(found) do
    entries[#entries + 1] = entry
  end
end
table.sort(entries, function(a, b)
  return sunpack('<I4', a) < sunpack('<I4', b)
end)
for i = 1, math.min(#entries, tonumber(ARGV[4])) do
  answer[#answer + 1] = entries[i]
end
return answer
