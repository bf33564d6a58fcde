-- audit_totals: the totals, or their judgement by a recount of the records. Jobs end and leave while others are counted,
-- so the recount has bounds; without traffic they are equal, and only then is a total set.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 '1' to mend; 3 how many faults were mended, to be counted; then nothing, or how many records cannot
--       be read, and for each of completed, failed, cancelled: how many were counted, the total and the number gone as
--       they were before
-- answer  without a recount the total and the number gone for each, else the faults
-- flags: allow-oom

local TOTALS, ENDS = base .. 'totals', {'completed', 'failed', 'cancelled'}
begin_audit(ARGV[2], '0')
if not sound('totals') then
  return {}
end

local function number(field)
  return tonumber(call('HGET', TOTALS, field) or nil) or 0
end

if #ARGV == 3 then
  local answer = {}
  for _, name in ipairs(ENDS) do
    answer[#answer + 1] = number(name)
    answer[#answer + 1] = number('gone.' .. name)
  end
  return answer
end

local lost = tonumber(ARGV[4])
for i, name in ipairs(ENDS) do
  local counted, total_before, gone_before = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
  local total, gone = number(name), number('gone.' .. name)
  if counted < total_before - gone - lost or counted > total - gone_before then
    local detail = 'the total is ' .. total .. ', a recount gives ' .. counted + gone
    if fault('count', 'Ttotals.' .. name, detail, total == total_before and gone == gone_before) then
      call('HSET', TOTALS, name, counted + gone)
    end
  end
end
local mended = tonumber(ARGV[3])
for i = 4, #faults, 4 do
  mended = mended + tonumber(faults[i])
end
if mended > 0 then
  call('HINCRBY', TOTALS, 'repaired', mended)
end
return faults
