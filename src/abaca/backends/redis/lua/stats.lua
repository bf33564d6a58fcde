-- stats: counts of waiting and running jobs, totals, and the workers' cards.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 life of a card in us; 3 'lines' for the lines' names alone
-- answer  now; running; totals (name, count, ...); workers (id, seen at, card, ...);
--         then for each sorted set of a line that is not empty: the line's text, how many, how many are due, when the
--         first is due, the set's name; and for each place of parked jobs: the line's text, how many, 0, 0, its name
-- flags: no-writes

local answer = {string.format('%.0f', now), 0, {}, {}}
if ARGV[3] ~= 'lines' then
  for _, count in ipairs(call('HVALS', base .. 'running')) do
    answer[2] = answer[2] + count
  end
  answer[3] = call('HGETALL', base .. 'totals')
  local seen = call('ZRANGE', base .. 'seen', now - tonumber(ARGV[2]), '+inf', 'BYSCORE', 'WITHSCORES')
  for i = 1, #seen, 2 do
    local card = call('HGET', base .. 'cards', seen[i])
    if card then
      for _, part in ipairs({seen[i], seen[i + 1], card}) do
        table.insert(answer[4], part)
      end
    end
  end
end
for _, queue in ipairs(call('SMEMBERS', base .. 'queues')) do
  for _, member in ipairs(call('ZRANGE', base .. 'q:' .. queue, 0, -1)) do
    local key, text = kinds.listed(member, queue)
    local count = call('ZCARD', key)
    if count > 0 then
      local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
      answer[#answer + 1] = {text, count, call('ZCOUNT', key, '-inf', now), head[2], sub(key, #base + 1)}
    end
  end
end
for _, place in ipairs(call('SMEMBERS', base .. 'parks')) do
  local count = call('ZCARD', base .. 'p:' .. place)
  if count > 0 then
    local _, _, text = spots.read(place)
    answer[#answer + 1] = {text, count, 0, '0', 'p:' .. place}
  end
end
return answer
