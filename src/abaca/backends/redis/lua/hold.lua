-- hold: a held claim asks again. A waiter that is gone was answered, or its record ended.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 the want, as in exchange; 3 '1' to wait although the waiter is gone
-- answer  now; 1 when the waiter is gone, else 0; when the next job is due or 0; then id, record for each job claimed
-- flags: allow-oom

local want = read_want(ARGV[2])
local answer = {score_text(now), '0', '0'}
if ARGV[3] ~= '1' and call('EXISTS', base .. 'v:' .. want.name) == 0 then
  answer[2] = '1'
  return answer
end
if straight.hold(want) then
  return answer
end
refill()
local work = lazy_work()
local got = claim(work, want)
commit_claim(work)
if #got > 0 then
  drop_waiter(want)
else
  add_waiter(want)
  answer[3] = score_text(next_due(work, want) or 0)
end
for i = 1, #got do
  answer[#answer + 1] = got[i]
end
if #pending > 0 then
  serve(lazy_work())
end
return answer
