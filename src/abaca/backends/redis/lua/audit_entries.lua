-- audit_entries: judge members of one sorted set or hash: whether what they name is there and belongs there.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 '1' to mend; 3 the shortest life of a tombstone in ms; 4 the name inside the partition; then members
-- answer  the faults
-- flags: allow-oom

begin_audit(ARGV[2], ARGV[3])
local name = ARGV[4]
local key, judges, gone = base .. name, {}, {}

local function drop(member)
  gone[#gone + 1] = member
end

-- A place in a line: the job waits, in this line. Whether it stands at its due time is judged with its record.
function judges.w(id)
  local job = call('ZSCORE', key, id) and read_job(id)
  if job == nil or (job and (job.state ~= WAITING or job.open or job.line ~= sub(name, 3))) then
    local what = job and job.state == WAITING and (job.open and 'waits for parents' or 'waits in another') or told(job)
    if fault('line-without-job', 'J' .. id, 'it stands in the line ' .. sub(name, 3) .. ', and the job ' .. what) then
      drop(id)
    end
  end
end

-- A place among those that wait for parents.
function judges.p(id)
  local job = call('ZSCORE', key, id) and read_job(id)
  if job == nil or (job and (job.state ~= WAITING or not job.open or 'p:0::' .. job.line ~= name)) then
    local detail = 'it is held back for its parents, and the job ' .. told(job)
    if fault('line-without-job', 'J' .. id, detail) then
      drop(id)
    end
  end
end

function judges.c(child)
  if call('HEXISTS', key, child) == 1 then
    judge_edge(sub(name, 3), child)
  end
end

function judges.open(id)
  local job = call('HEXISTS', key, id) == 1 and read_job(id)
  if job == nil or (job and (job.state ~= WAITING or not job.open)) then
    if fault('count', 'J' .. id, 'its open parents are counted, and the job ' .. told(job)) then
      call('HDEL', key, id)
    end
  end
end

function judges.ended(id)
  local job = call('ZSCORE', key, id) and read_job(id)
  if job == nil or (job and job.state < COMPLETED) then
    local detail = 'it is entered to leave as an ended job, and the job ' .. told(job)
    if fault('expiry-without-job', 'J' .. id, detail) then
      drop(id)
    end
  end
end

function judges.leases(instant)
  if call('ZSCORE', key, instant) and sound('l:' .. instant) and call('EXISTS', base .. 'l:' .. instant) == 0 then
    if fault('lease-without-job', 'Tleases.' .. instant, 'leases are said to end then, and no job has one') then
      drop(instant)
    end
  end
end

function judges.running(instant)
  if call('HEXISTS', key, instant) == 1 and sound('l:' .. instant) and call('EXISTS', base .. 'l:' .. instant) == 0 then
    if fault('count', 'Trunning.' .. instant, 'runs are counted of leases that nobody has') then
      call('HDEL', key, instant)
    end
  end
end

function judges.q(member)
  local priority, score = string.match(member, '^(%-?%d+)|[^|]*|$'), call('ZSCORE', key, member)
  if score and (not priority or tonumber(score) ~= -tonumber(priority)) then
    if fault('index', 'T' .. name, "it lists '" .. member .. "' at a wrong place") then
      if priority then
        call('ZADD', key, -tonumber(priority), member)
      else
        drop(member)
      end
    end
  end
end

function judges.cards(worker)
  if call('HEXISTS', key, worker) == 1 and sound('seen') and not call('ZSCORE', base .. 'seen', worker) then
    if fault('index', 'Tcards.' .. worker, 'its card is kept, and the worker is not listed as seen') then
      call('HDEL', key, worker)
    end
  end
end

function judges.seen(worker)
  if call('ZSCORE', key, worker) and sound('cards') and call('HEXISTS', base .. 'cards', worker) == 0 then
    if fault('index', 'Tseen.' .. worker, 'the worker is listed as seen, and has no card') then
      drop(worker)
    end
  end
end

local judge = judges[sub(name, 2, 2) == ':' and sub(name, 1, 1) or name]
if judge and sound(name) then
  for i = 5, #ARGV do
    judge(ARGV[i])
  end
  in_chunks('ZREM', key, gone)
end
return faults
