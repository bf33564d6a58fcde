-- insert: store new jobs and hand those that are due to waiting claims.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 how long a job is kept that makes room for another and says nothing else, in ms; then for each job: its
--       place as in entering.lua, its static part
-- answer  outcomes as one string of digits (0 inserted, 1 known, 2 held, 3 refused, 4 replaced, 5 passed, 6 a parent is
--         unknown), then in order the holder's id for each that is held or replaced, how the queue is full for each
--         refused (admission.lua), and which of its parents is unknown

if #ARGV == 4 and straight.insert(ARGV[3], ARGV[4]) then
  return {'0'}
end
local work = new_work()
local ids = {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = sub(ARGV[i], 1, 16)
end
work.cancel_keep = tonumber(ARGV[2])
look(work, ids)
local outcomes, answer = {}, {''}
for i = 3, #ARGV, 2 do
  local outcome, held = '0', nil
  if not straight.enter(work, ARGV[i], ARGV[i + 1]) then
    outcome, held = enter_new(work, ARGV[i], ARGV[i + 1])
  end
  outcomes[#outcomes + 1] = outcome
  if held then
    answer[#answer + 1] = held
  end
end
commit(work)
serve(work)
answer[1] = table.concat(outcomes)
return answer
