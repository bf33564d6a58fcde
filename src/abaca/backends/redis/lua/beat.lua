-- beat: renew leases, and the worker's card.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 lease in ms; 3 life of a card in us; 4 worker's id or empty; 5 its card; then id and epoch (20 bytes)
-- answer  one digit for each beat: 0 gone, 1 alive, 2 alive and to be cancelled
-- flags: allow-oom

local work = new_work()
local ids, pulses = {}, {}
for i = 6, #ARGV do
  ids[#ids + 1] = sub(ARGV[i], 1, 16)
end
if ARGV[4] ~= '' then
  prove('ZCARD', base .. 'seen')
  prove('HLEN', base .. 'cards')
end
load(work, ids)
for i, id in ipairs(ids) do
  local job = known(work, id)
  if job and job.state == RUNNING and job.epoch == sunpack('<I4', ARGV[5 + i], 17) then
    leave_lease(work, job)
    job.lease = own_lease(job.static) or tonumber(ARGV[2])
    job.lease_until = now + job.lease * 1000
    enter_lease(work, job)
    changed(work, job)
    pulses[i] = job.cancel and 2 or 1
  else
    pulses[i] = 0
  end
end
commit(work)
if #work.dirty > 0 then
  see_clock()
end
if ARGV[4] ~= '' then
  local old = call('ZRANGE', base .. 'seen', '-inf', now - tonumber(ARGV[3]) - 1, 'BYSCORE', 'LIMIT', 0, 100)
  if #old > 0 then
    call('ZREM', base .. 'seen', unpack(old))
    call('HDEL', base .. 'cards', unpack(old))
  end
  call('ZADD', base .. 'seen', now, ARGV[4])
  call('HSET', base .. 'cards', ARGV[4], ARGV[5])
end
return table.concat(pulses)
