-- get: packed records, tombstones included.
-- KEYS  1 the partition
-- ARGV  1 clock; then ids
-- answer  now, then a record or false for each id
-- flags: no-writes

local ids = {}
for i = 2, #ARGV do
  ids[#ids + 1] = ARGV[i]
end
local answer = fetch(ids)
show_open(ids, answer)
table.insert(answer, 1, string.format('%.0f', now))
return answer
