-- exchange: settle runs, then claim; with a name in the want, wait when there is nothing.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 the want (msgpack: worker, lease ms, max bytes, queues, slots, waiter's name or empty, channel) or
--       empty; 3 how many settles; the fixed parts of all settles; then their variable parts in order: result, error,
--       memo (those flagged), and each follow-up job as in insert
-- answer  now; verdicts as one string of digits; when the next job is due or 0; then id, record for each job claimed
-- flags: allow-oom

local count = tonumber(ARGV[3])
local work, verdicts = nil, {}
if count > 0 then
  work = new_work()
  local ids = {}
  for i = 4, 3 + count do
    ids[#ids + 1] = sub(ARGV[i], 1, 16)
  end
  load(work, ids)
  local at, it = 4 + count, nil
  for i = 4, 3 + count do
    it, at = read_settle(i, at)
    verdicts[#verdicts + 1] = settle(work, it)
  end
  commit(work)
end

local answer = {string.format('%.0f', now), table.concat(verdicts), '0'}
if ARGV[2] ~= '' then
  local want = read_want(ARGV[2])
  local claims = new_work()
  local got = claim(claims, want)
  commit_claim(claims)
  for i = 1, #got do
    answer[#answer + 1] = got[i]
  end
  if #got == 0 and want.name ~= '' then
    add_waiter(want)
    answer[3] = string.format('%.0f', next_due(want) or 0)
  end
end
if work then
  serve(work)
end
return answer
