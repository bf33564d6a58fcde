-- audit_entries: judge members of one sorted set or hash: whether what they name is there and belongs there.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 '1' to mend; 3 the shortest life of a tombstone in ms; 4 the name inside the partition; then members
-- answer  the faults
-- flags: allow-oom

begin_audit(ARGV[2], ARGV[3])
local name = ARGV[4]
local key, judges, work = base .. name, {}, new_work()

-- Takes a member away. What stands in front of tenants' lines follows from the lines and the passes.
local function drop(member)
  move(work, key, member, false)
  if sub(name, 1, 2) == 'n:' then
    local tenant, text = fronts.tenant_of(name)
    fronts.touch(work, tenant, text)
    fronts.count(work, line_info(text), tenant, -1)
  elseif sub(name, 1, 2) == 'o:' and sub(member, 1, 1) == '=' then
    local priority, queue = string.match(name, '^o:([^|]*)|(.*)$')
    for _, listed in ipairs(call('ZRANGE', base .. 'q:' .. queue, 0, -1)) do
      local text = string.match(listed, '^([^|]*|[^|]*|)m$')
      if text and fronts.group_of(text) == priority then
        fronts.touch(work, sub(member, 2), text .. queue)
      end
    end
  end
end

-- A place in a line: the job waits, in this line and of this kind. Whether it stands at its due time is judged with its
-- record.
local function judge_line(member)
  local id = sub(member, 1, 16)
  local job = call('ZSCORE', key, member) and read_job(id)
  local here = job and job.state == WAITING and not blocked_by(job) and not job.open
  if here then
    local stands = false
    for _, place in ipairs(places_of(job)) do
      stands = stands or (place[1] == name and place[2] == member)
    end
    here = stands
  end
  if job == nil or (job and not here) then
    local what = job and job.state == WAITING and (job.open and 'waits for parents' or 'waits in another') or told(job)
    local line = sub(name, 1, 2) == 'n:' and select(2, fronts.tenant_of(name)) or sub(name, 3)
    if fault('line-without-job', 'J' .. id, 'it stands in the line ' .. line .. ', and the job ' .. what) then
      drop(member)
    end
  end
end

for _, kind in ipairs({'w', 'd', 'e', 'm', 'n'}) do
  judges[kind] = judge_line
end

-- A front: it is what its tenant's line has in front, where the tenant's pass says.
local function judge_front(member)
  local tenant = sub(member, sub(name, 1, 2) == 'a:' and 25 or 17)
  local line = fronts.touch(new_work(), tenant, sub(name, 3))
  local score = call('ZSCORE', key, member)
  if not score or not sound(sub(line.key, #base + 1)) or not sound(sub(line.passes, #base + 1)) then
    return
  end
  local set, front, right = fronts.first(line)
  if set ~= key or front ~= member or right ~= score then
    if fault('index', 'T' .. name, 'it lists what does not stand in front of the line of a tenant') then
      if set == key and front == member then
        call('ZADD', key, right, member)
      else
        drop(member)
      end
    end
  end
end

judges.f, judges.a = judge_front, judge_front

-- A pass; without a time nothing is known of turns.
function judges.o(member)
  if call('ZSCORE', key, member) and not call('ZSCORE', key, 'time') then
    if fault('index', 'T' .. name, 'it holds a pass, and no time') then
      drop(member)
    end
  end
end

-- How many jobs a tenant has in the lines of a priority, and parked out of them.
function judges.y(member)
  local counted, right = tonumber(call('HGET', key, member) or nil), nil
  if counted then
    right = jobs_of_tenant(sub(name, 3), member == '' and '' or sub(member, 2))
  end
  if counted ~= right and fault('count', 'T' .. name, counted .. ' jobs of a tenant are counted, a recount gives ' .. right) then
    if right > 0 then
      call('HSET', key, member, right)
    else
      call('HDEL', key, member)
    end
  end
end

function judges.claims(queue)
  local count = tonumber(call('HGET', key, queue) or nil)
  if call('HEXISTS', key, queue) == 1 and not (count and count >= 0 and count < 16 and count == math.floor(count)) then
    if fault('count', 'Tclaims.' .. queue, 'it is no count of claims') then
      call('HDEL', key, queue)
    end
  end
end

function judges.paces(queue)
  if call('HEXISTS', key, queue) == 1 and not admission.is_pace(call('HGET', key, queue)) then
    if fault('count', 'Tpaces.' .. queue, 'it is no count of claims') then
      call('HDEL', key, queue)
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
  local priority, score = string.match(member, '^(%-?%d+)|[^|]*|[md]?$'), call('ZSCORE', key, member)
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
  commit(work)
end
return faults
