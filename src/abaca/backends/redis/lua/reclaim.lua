-- reclaim: lease to the caller the runs whose lease has ended, longest ago first.
-- When the clock is behind the latest instant at which a lease was made it stepped back; then every lease that ends
-- later than now + its own length is cut to that. Their number is bounded by the slots of all workers.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 limit; 3 worker; 4 lease in ms
-- answer  now; then id, record for each job
-- flags: allow-oom

local function cut_leases()
  local work = new_work()
  local ids = call('ZRANGE', LEASES, '(' .. string.format('%.0f', now), '+inf', 'BYSCORE')
  load(work, ids)
  for _, id in ipairs(ids) do
    local job = known(work, id)
    if job and job.state == RUNNING and job.lease_until > now + job.lease * 1000 then
      job.lease_until = now + job.lease * 1000
      move(work, LEASES, id, job.lease_until)
      changed(work, job)
    end
  end
  commit(work)
  call('SET', base .. 'clock', string.format('%.0f', now))
end

local last = tonumber(call('GET', base .. 'clock') or nil)
if last and now < last then
  cut_leases()
end
local work, answer = new_work(), {string.format('%.0f', now)}
local ids = call('ZRANGE', LEASES, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
local values = fetch(ids)
for i, id in ipairs(ids) do
  local job = values[i] and (parse(id, values[i]) or mend(id, values[i], '50||default'))
  if job and (job.state == RUNNING or band(byte(job.static, 4), DAMAGED) ~= 0) then
    answer[#answer + 1] = id
    answer[#answer + 1] = lease_to(work, job, ARGV[3], tonumber(ARGV[4]))
  else
    move(work, LEASES, id, false)
  end
end
commit(work)
if #ids > 0 then
  see_clock()
end
return answer
