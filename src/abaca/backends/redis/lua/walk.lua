-- walk: a stretch of one sorted set of jobs, with their records; for people who search.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 the sorted set's name inside the partition; 3 'rev' for the highest score first, else empty;
--       4 and 5 the score and member after which to go on, or empty; 6 how many
-- answer  now, then member, score, record or false for each; a member begins with the id
-- flags: no-writes

local key, backwards = base .. ARGV[2], ARGV[3] == 'rev'

-- How many members stand before (score, id), or up to it: a binary search among those of the same score.
local function rank_of(score, id, including)
  local low = call('ZCOUNT', key, '-inf', '(' .. score)
  local high = call('ZCOUNT', key, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = call('ZRANGE', key, middle, middle)[1]
    if precedes(member, id) or (including and member == id) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Running jobs stand in groups by the end of their lease; a group's instant is the score of each.
local function running_after(score, id, limit)
  local rows = {}
  for _, instant in ipairs(call('ZRANGE', key, score == '' and '-inf' or score, '+inf', 'BYSCORE')) do
    local ids, values = members(instant)
    for i, member in ipairs(ids) do
      local job = values[i] and parse(member, values[i])
      local here = values[i] and (not job or (job.state == RUNNING and score_text(job.lease_until) == instant))
      if here and (instant ~= score or precedes(id, member)) then
        for _, part in ipairs({member, instant, values[i]}) do
          rows[#rows + 1] = part
        end
      end
      if #rows >= 3 * limit then
        return rows
      end
    end
  end
  return rows
end

local limit, found = tonumber(ARGV[6]), nil
if ARGV[2] == 'leases' then
  local rows = running_after(ARGV[4], ARGV[5], limit)
  table.insert(rows, 1, string.format('%.0f', now))
  return rows
elseif backwards then
  local start = 0
  if ARGV[4] ~= '' then
    start = call('ZCARD', key) - rank_of(ARGV[4], ARGV[5], false)
  end
  found = call('ZRANGE', key, start, start + limit - 1, 'REV', 'WITHSCORES')
else
  local start = ARGV[4] ~= '' and rank_of(ARGV[4], ARGV[5], true) or 0
  found = call('ZRANGE', key, start, start + limit - 1, 'WITHSCORES')
end
local ids, answer = {}, {string.format('%.0f', now)}
for i = 1, #found, 2 do
  ids[#ids + 1] = sub(found[i], 1, 16)
end
local values = fetch(ids)
show_open(ids, values)
for i in ipairs(ids) do
  answer[#answer + 1] = found[2 * i - 1]
  answer[#answer + 1] = found[2 * i]
  answer[#answer + 1] = values[i]
end
return answer
