-- exchange: settle runs, then claim; with a name in the want, wait when there is nothing.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 the want (msgpack: worker, lease ms, max bytes, queues, slots, waiter's name or empty, channel) or
--       empty; 3 how many transitions; then for each: fixed part, the runs that make it (the id's 16 bytes each, all at
--       its epoch; flagged: each followed by its digest, 8, and result, length 4 and bytes), then what is flagged of
--       result, error, memo, and each follow-up job as in insert
-- answer  now; verdicts as one string of digits, in the order of the ids; when the next job is due or 0; then id, record
--         for each job claimed (a short record as it was before the claim: its run is the first, with the want's lease)
-- flags: allow-oom

local work, verdicts = nil, ''
if ARGV[3] == '1' and straight.settle(4) then
  verdicts = '0'
elseif ARGV[3] ~= '0' then
  work, verdicts = settle_all(3)
  commit(work)
end

local answer = {score_text(now), verdicts, '0'}
local want = ARGV[2] ~= '' and read_want(ARGV[2])
if want and not straight.hold(want) then
  refill()
  local claims = lazy_work()
  local got = claim(claims, want)
  commit_claim(claims)
  for i = 1, #got do
    answer[i + 3] = got[i]
  end
  if #got == 0 and want.name ~= '' then
    add_waiter(want)
    answer[3] = score_text(next_due(claims, want) or 0)
  end
end
if work or #pending > 0 then
  serve(work or lazy_work())
end
return answer
