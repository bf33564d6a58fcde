-- audit_keys: judge keys that SCAN found: their types, each job record with its places, keys, logs and leases, and what
-- each other key says of jobs.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 '1' to mend; 3 the shortest life of a tombstone in ms; then names inside the partition
-- answer  ids of the completed, failed and cancelled jobs among them, each as one string; how many records cannot be
--         read; the names among them of which the members are too many to be judged here; those that were not judged because this
--         call had done enough; then the faults
-- flags: allow-oom

begin_audit(ARGV[2], ARGV[3])
local work, ended, unreadable, large = new_work(), {[2] = {}, [3] = {}, [4] = {}}, 0, {}
local MOST_EDGES, MOST_IN_ALL = 100, 10000
local later, edges = {}, 0

-- A job with children may have been put off because of one.
local function leaves_in_time(job)
  local score, right = tonumber(call('ZSCORE', ENDED, job.id) or nil), leaves_at(job)
  return score == right or (job.parent and score and score > right)
end

-- A job that waits counts its parents as its edges do. One of which there is no edge was unknown, or has been deleted.
local function judge_parents(job)
  if job.state ~= WAITING or not (job.open or unmet_of(job) > 0) or not sound('open') then
    return
  end
  local packed = job.open and call('HGET', base .. 'open', job.id)
  local open, unmet = 0, unmet_of(job)
  if job.open then
    open, unmet = -1, -1
    if packed and #packed == 16 then
      open, unmet = sunpack('<I4I4', packed)
    end
  end
  local opened, failed, gone, all = recount(work, job, sound)
  edges = edges + all
  if open ~= opened or unmet < failed or unmet > failed + gone then
    local detail = 'it waits for ' .. open .. ' parents with ' .. unmet .. ' unmet; a recount gives ' .. opened
      .. ' and ' .. failed .. ', with ' .. gone .. ' gone'
    if fault('parents', 'J' .. job.id, detail) then
      leave(work, job)
      wait_anew(work, job)
      changed(work, job)
    end
  end
end

-- Whether all these places are taken, as far as it can be told.
local function stands_at(places)
  local fine = true
  for _, place in ipairs(places) do
    local name, member, score = unpack(place)
    fine = fine and (not sound(name) or tonumber(call('ZSCORE', base .. name, member) or nil) == score)
  end
  return fine
end

local function judge_place(job)
  local id = job.id
  if job.state == WAITING then
    local bucket = blocked_by(job)
    local spot, score, text, tenant = spots.of(job)
    local places = bucket and {{'p:' .. spots.place(bucket, spot), id, score}} or places_of(job)
    if job.open then
      places = {{'p:' .. spots.place('', job.line), id, job.due}}
    end
    if not stands_at(places) then
      local detail = 'it waits and does not stand in its line ' .. job.line .. ' at its due time'
      if fault('waiting-not-in-line', 'J' .. id, detail) then
        if job.open then
          return block(work, id, job.static, job.due)
        elseif bucket then
          unblock(job)
          changed(work, job)
        end
        if bucket or tenant ~= '' then
          fronts.count(work, line_info(text), tenant, -1)  -- where it is missing it is still counted
        end
        enter(work, id, job.static, job.due, job.epoch)
      end
    end
  elseif job.state == RUNNING then
    if not listed(score_text(job.lease_until), id) then
      local detail = 'it runs at epoch ' .. job.epoch .. ' and no list of leases has it, so that nobody would take it over'
      if fault('running-without-lease', 'J' .. id, detail) then
        lapse(work, job)
      end
    end
  else
    table.insert(ended[job.state], id)
    if sound('ended') and not leaves_in_time(job) then
      if fault('ended-not-expiring', 'J' .. id, 'it has ended and is not entered to leave at the end of its keep') then
        move(work, ENDED, id, leaves_at(job))
      end
    end
  end
end

-- Whether a job surely holds its key: one that is held until the claim may be another's after it.
local function must_hold(job)
  local flags = byte(job.static, 4)
  if band(flags, KEY_WAITING) ~= 0 then
    return job.state == WAITING and job.epoch == 0
  end
  return band(flags, KEY_PERIOD) == 0 and job.state < COMPLETED
end

local function judge_key_of(job)
  if not job.key or not must_hold(job) or not sound('u:' .. job.key) then
    return
  end
  local other = holder(work, job.key)
  if other == job.id then
    return
  end
  local free = not (other and holds(read_job(other), job.key))
  local detail = "it is live and does not hold its key '" .. job.key .. "'"
  if fault('holder-without-key', 'J' .. job.id, detail, free) then
    hold_key(work, job.key, job.id)
  end
end

local function last_entry(name)
  if not sound(name) then
    return 0, false
  end
  local last = call('ZRANGE', base .. name, -1, -1, 'WITHSCORES')
  return tonumber(last[2]) or 0, last[1] ~= nil
end

local function judge_log_of(job)
  if not job.log then
    return
  end
  local never, kept = last_entry('g:' .. job.id)
  local trimmed, more = last_entry('t:' .. job.id)
  if not kept and not more and sound('g:' .. job.id) and sound('t:' .. job.id) then
    if fault('index', 'J' .. job.id, 'its log is lost') then
      job.log = false
      changed(work, job)
    end
  elseif math.max(never, trimmed) >= job.next_entry then
    if fault('count', 'J' .. job.id, 'its next log entry is ' .. job.next_entry .. ', which its log has already') then
      job.next_entry = math.max(never, trimmed) + 1
      changed(work, job)
    end
  end
end

local judges = {}

function judges.j(name)
  local id = sub(name, 3)
  local job = read_job(id)
  if job == false then
    unreadable = unreadable + 1
    fault('unreadable', 'J' .. id, 'its record cannot be read; whoever claims it fails it', false)
  elseif job then
    judge_place(job)
    judge_parents(job)
    judge_key_of(job)
    judge_log_of(job)
  end
end

function judges.u(name)
  local key = sub(name, 3)
  local value = call('GET', base .. name)
  local id = value and #value == 16 and holder(work, key)
  if id and not holds(read_job(id), key) then
    if fault('key-without-holder', 'T' .. key, 'it is held in the name of what is no live job with this key') then
      hold_key(work, key, false)
    end
  end
end

local function judge_log(name)
  local job = read_job(sub(name, 3))
  if job ~= false and not (job and job.log and not job.purged) and call('EXISTS', base .. name) == 1 then
    if fault('log-without-job', 'J' .. sub(name, 3), 'its log is kept, and the job ' .. told(job) .. ' without one') then
      call('DEL', base .. name)
    end
  end
end

judges.g, judges.t = judge_log, judge_log

-- A group of leases: the readable runs in it are counted right, and it is listed among the ends of leases.
function judges.l(name)
  local instant = sub(name, 3)
  if not sound('leases') or not sound('running') then
    return
  end
  local blob, seen, runs, unread = call('GET', base .. name), {}, 0, 0
  for at = 1, #(blob or '') - 15, 16 do
    local id = sub(blob, at, at + 15)
    if not seen[id] then
      seen[id] = true
      local job = read_job(id)
      if job == false then
        unread = unread + 1
      elseif job and job.state == RUNNING and score_text(job.lease_until) == instant then
        runs = runs + 1
      end
    end
  end
  if not blob then
    return
  elseif runs + unread == 0 then
    if fault('lease-without-job', 'T' .. name, 'no job is leased until then') then
      drop_group(instant)
    end
    return
  end
  local counted = tonumber(call('HGET', base .. 'running', instant) or nil) or 0
  local right = math.max(runs, math.min(counted, runs + unread))
  if counted ~= right then
    local detail = counted .. ' runs are counted in it, a recount gives ' .. right
    if fault('count', 'Trunning.' .. instant, detail) then
      call('HSET', base .. 'running', instant, right)
    end
  end
  if tonumber(call('ZSCORE', base .. 'leases', instant) or nil) ~= tonumber(instant) then
    local detail = runs + unread .. ' jobs are leased until then, and no reaper would come to them'
    if fault('running-without-lease', 'Tleases.' .. instant, detail) then
      call('ZADD', base .. 'leases', instant, instant)
    end
  end
end

function judges.w(name)
  local info, kind = line_info(sub(name, 3)), sub(name, 1, 1)
  local index, member = 'q:' .. info.queue, info.member .. (kind == 'w' and '' or kind)
  if not sound(index) or not sound('queues') or call('EXISTS', base .. name) == 0 then
    return
  end
  if not call('ZSCORE', base .. index, member) or call('SISMEMBER', base .. 'queues', info.queue) == 0 then
    if fault('index', 'T' .. name, 'the line is not listed in its queue, so that nobody would claim from it') then
      call('ZADD', base .. index, info.rank, member)
      call('SADD', base .. 'queues', info.queue)
    end
  end
end

judges.d, judges.m = judges.w, judges.w

-- A tenant's line: its first job is the tenant's front, where the tenant's pass says.
function judges.n(name)
  local tenant, text = fronts.tenant_of(name)
  local group = table.concat({fronts.group_of(text)}, '|')
  for _, other in ipairs({name, 'f:' .. text, 'a:' .. text, 'o:' .. group, 'y:' .. group}) do
    if not sound(other) then
      return
    end
  end
  local line = fronts.touch(new_work(), tenant, text)
  local set, member, score = fronts.first(line)
  if set and call('ZSCORE', set, member) ~= score then
    if fault('index', 'T' .. name, 'its first job is not where claims look for it') then
      call('ZADD', set, score, member)
    end
  end
  if call('HEXISTS', base .. 'y:' .. group, '=' .. tenant) == 0 and call('EXISTS', line.key) == 1 then
    if fault('count', 'Ty:' .. group, 'its jobs are not counted') then
      call('HSET', base .. 'y:' .. group, '=' .. tenant, jobs_of_tenant(group, tenant))
    end
  end
end

-- The permits of a bucket: each is of a running job that remembers it.
function judges.b(name)
  local bucket = sub(name, 3)
  for _, id in ipairs(call('SMEMBERS', base .. name)) do
    local job = read_job(id)
    local holds_it = job == false
    if job and job.state == RUNNING and band(job.kinds, TAIL_PERMITS) ~= 0 then
      for _, held in ipairs(cmsgpack.unpack(sections(job)[TAIL_PERMITS])) do
        holds_it = holds_it or held == bucket
      end
    end
    if not holds_it then
      local detail = "it holds a permit of the bucket '" .. bucket .. "', and the job " .. told(job)
      if fault('permit-without-run', 'J' .. id, detail) then
        call('SREM', base .. name, id)
        unpark(work, bucket, 1)
      end
    end
  end
end

-- A place of parked jobs: it is listed, and each of its jobs waits and remembers the bucket.
function judges.p(name)
  local place = sub(name, 3)
  local bucket, spot, text = spots.read(place)
  if not sound('parks') or not sound('i:' .. bucket) or call('EXISTS', base .. name) == 0 then
    return
  end
  if bucket == '' then
    large[#large + 1] = name
    if call('SISMEMBER', base .. 'parks', place) == 0 then
      if fault('index', 'T' .. name, 'jobs wait there for parents, and nobody would count them') then
        call('SADD', base .. 'parks', place)
      end
    end
    return
  end
  if call('SISMEMBER', base .. 'parks', place) == 0 or not call('ZSCORE', base .. 'i:' .. bucket, spot) then
    if fault('index', 'T' .. name, 'jobs are parked there, and nobody would let them back') then
      call('SADD', base .. 'parks', place)
      call('ZADD', base .. 'i:' .. bucket, line_info(text).rank, spot)
    end
  end
  for _, id in ipairs(call('ZRANGE', base .. name, 0, -1)) do
    local job = read_job(id)
    if job ~= false and not (job and job.state == WAITING and blocked_by(job) == bucket and spots.of(job) == spot) then
      local detail = "it is parked under the bucket '" .. bucket .. "', and the job " .. told(job)
      if fault('line-without-job', 'J' .. id, detail) then
        call('ZREM', base .. name, id)
      end
    end
  end
end

-- The children of a job, of which its record says that there are some.
function judges.c(name)
  local parent = sub(name, 3)
  local job = read_job(parent)
  if job and not job.parent and call('EXISTS', base .. name) == 1 then
    if fault('index', 'J' .. parent, 'it has children, and would not tell them of its end') then
      job.parent = true
      changed(work, job)
    end
  end
  local size = call('HLEN', base .. name)
  if size > MOST_EDGES then
    large[#large + 1] = name
    return
  end
  edges = edges + size
  for _, child in ipairs(call('HKEYS', base .. name)) do
    judge_edge(parent, child)
  end
end

function judges.r(name)
  local kind, id = string.match(name, '^r:([^:]+):(.*)$')
  local value = kind and call('GET', base .. name)
  if not value then
    return
  elseif #value < 24 then
    fault('unreadable', 'T' .. name, 'the small record cannot be read', false)
    return
  end
  local task = kind == 'bucket' and string.match(id, '^' .. string.gsub(settings.TASK, '%-', '%%-') .. '(.*)$')
  if task and sound('tasks') and not settings.lists_task(task) then
    if fault('index', 'T' .. name, 'claims are not told that there is a limit for the task') then
      settings.list_task(id, true)
    end
  end
  if sound('k:' .. kind) and not call('ZSCORE', base .. 'k:' .. kind, id) then
    if fault('index', 'T' .. name, 'the small record is not listed among those of its kind') then
      call('ZADD', base .. 'k:' .. kind, 0, id)
    end
  end
end

-- What belongs to held claims ends by itself.
local function judge_waiter(name)
  if call('PTTL', base .. name) == -1 then
    if fault('index', 'T' .. name, 'it is left of a held claim and would stay for ever') then
      call('DEL', base .. name)
    end
  end
end

judges.h, judges.v = judge_waiter, judge_waiter

for i = 4, #ARGV do
  local name = ARGV[i]
  if edges >= MOST_IN_ALL then
    later[#later + 1] = name
  elseif sound(name, true) then
    local judge = sub(name, 2, 2) == ':' and judges[sub(name, 1, 1)]
    if judge then
      judge(name)
    end
  end
end
if mending then
  commit(work)
  serve(work)
end
local answer = {table.concat(ended[2]), table.concat(ended[3]), table.concat(ended[4]), unreadable, large, later}
for _, text in ipairs(faults) do
  answer[#answer + 1] = text
end
return answer
