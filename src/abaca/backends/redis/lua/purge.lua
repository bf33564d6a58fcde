-- purge: jobs past their keep become tombstones, tombstones past theirs go; oldest first. Queues without lines and
-- keys whose period is over are forgotten on the way.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 limit; 3 the shortest life of a tombstone in ms; 4 when to look again at a job that stays because of
--       a child, in ms
-- answer  how many
-- flags: allow-oom

prove('SCARD', base .. 'queues')
local work, ended, stayed = new_work(), ENDED, 0
local ids = call('ZRANGE', ended, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
load(work, ids)
for _, id in ipairs(ids) do
  local job = known(work, id)
  if job and job.state < COMPLETED then
    move(work, ended, id, false) -- a live job has no business here
  elseif job and job.parent and call('HLEN', base .. 'c:' .. id) > 0 then
    move(work, ended, id, now + tonumber(ARGV[4]) * 1000)
    stayed = stayed + 1
  elseif job and not job.purged then
    drop_log(work, job)
    job.purged, job.kinds, job.tail, job.static = true, 0, '', bare_static('50||default', 0, '{}')
    local leaves = job.ended + (job.keep + math.max(job.keep, tonumber(ARGV[3]))) * 1000
    local looked_at = job.parent and tonumber(call('ZSCORE', ended, id)) or 0
    move(work, ended, id, math.max(leaves, looked_at))
    changed(work, job)
  else
    if job then
      note_gone(work, job.state)
    else
      work.gone[#work.gone + 1] = base .. 'c:' .. id
    end
    work.gone[#work.gone + 1] = base .. 'j:' .. id
    move(work, ended, id, false)
  end
end
commit(work)
settings.unlist_expired()
call('ZREMRANGEBYSCORE', base .. 'rates', '-inf', now)
local periods = base .. 'periods'
for _, key in ipairs(call('ZRANGE', periods, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local value = call('GET', base .. 'u:' .. key)
  if value and #value > 16 and sunpack('<i8', value, 17) <= now then
    call('DEL', base .. 'u:' .. key)
  end
  call('ZREM', periods, key)
end
for _, queue in ipairs(call('SRANDMEMBER', base .. 'queues', 20)) do
  if call('EXISTS', base .. 'q:' .. queue) == 0 then
    call('SREM', base .. 'queues', queue)
  end
end
return #ids - stayed
