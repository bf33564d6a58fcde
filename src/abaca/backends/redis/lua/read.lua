-- read: small records.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 kind; then ids
-- answer  one for each id: the packed record (version 8, end of life in us or 0, 8, length of life in ms or -1, 8,
--         data), or false when absent or over
-- flags: no-writes

local answer = {}
for i = 3, #ARGV do
  local value = call('GET', base .. 'r:' .. ARGV[2] .. ':' .. ARGV[i])
  if value then
    local ends = sunpack('<i8', value, 9)
    value = (ends == 0 or now < ends) and value
  end
  answer[#answer + 1] = value or false
end
return answer
