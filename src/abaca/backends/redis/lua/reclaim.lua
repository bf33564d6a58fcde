-- reclaim: lease to the caller the runs whose lease has ended, longest ago first.
-- When the clock is behind the latest instant at which a lease was made it stepped back; then every lease that ends
-- later than now + its own length is cut to that. Their number is bounded by the slots of all workers.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 limit; 3 worker; 4 lease in ms
-- answer  now; then id, record for each job
-- flags: allow-oom

local LEASES, COUNTS = base .. 'leases', base .. 'running'

local function cut_leases()
  local work = new_work()
  for _, instant in ipairs(call('ZRANGE', LEASES, '(' .. string.format('%.0f', now), '+inf', 'BYSCORE')) do
    local ids, values = members(instant)
    for i, id in ipairs(ids) do
      local job = values[i] and parse(id, values[i])
      if job and job.state == RUNNING and score_text(job.lease_until) == instant
        and job.lease_until > now + job.lease * 1000 then
        leave_lease(work, job)
        job.lease_until = now + job.lease * 1000
        enter_lease(work, job)
        changed(work, job)
      end
    end
  end
  commit(work)
  call('SET', base .. 'clock', string.format('%.0f', now))
end

-- The runs of a group, at most so many, and the ids of the others. A record that cannot be read belongs to a run if the
-- group counts more runs than can be read; otherwise its job has left.
local function runs_of(instant, most)
  local ids, values = members(instant)
  local jobs, unread, runs, others = {}, tonumber(call('HGET', COUNTS, instant) or 0), {}, {}
  for i, id in ipairs(ids) do
    local job = values[i] and parse(id, values[i])
    if job and job.state == RUNNING and score_text(job.lease_until) == instant then
      jobs[id], unread = job, unread - 1
    elseif values[i] and not job then
      jobs[id] = values[i]
    end
  end
  for _, id in ipairs(ids) do
    local job = jobs[id]
    if type(job) == 'string' then
      unread, job = unread - 1, unread > 0 and mend(id, job, '50||default')
    end
    if job and #runs < most then
      runs[#runs + 1] = job
    elseif job then
      others[#others + 1] = id
    end
  end
  return runs, others
end

local last = last_clock()
if last and now < last then
  cut_leases()
end
local work, answer, limit = new_work(), {string.format('%.0f', now)}, tonumber(ARGV[2])
local groups = {}
for _, instant in ipairs(call('ZRANGE', LEASES, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)) do
  local room = limit - (#answer - 1) / 2
  if room <= 0 then
    break
  end
  local runs, others = runs_of(instant, room)
  groups[#groups + 1] = {instant = instant, others = others}
  for _, job in ipairs(runs) do
    answer[#answer + 1] = job.id
    answer[#answer + 1] = lease_to(work, job, ARGV[3], tonumber(ARGV[4]))
  end
end
prove_all(work)
for _, group in ipairs(groups) do
  drop_group(group.instant)
  if #group.others > 0 then
    call('SET', base .. 'l:' .. group.instant, table.concat(group.others))
    call('HSET', COUNTS, group.instant, #group.others)
    call('ZADD', LEASES, group.instant, group.instant)
  end
end
commit(work)
if #groups > 0 then
  see_clock()
end
return answer
