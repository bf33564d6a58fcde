-- Prelude: which jobs run, and until when. Jobs whose leases end at one instant, which those of one claim do, are kept
-- together: so a claim and an end cost the server no sorted set move for each job.
--
--   leases       sorted set   the instants at which leases end (as text), by themselves
--   l:<instant>  string       the ids of the jobs leased until then, 16 bytes each; some may have left, none twice counted
--   running      hash         instant: how many of them have not left; their sum is the number of running jobs
--
-- Who has left is told by the record: it is RUNNING with this lease_until, or it is not of this group.

local function lease_group(work, lease_until)
  local group = work.leases[lease_until]
  if not group then
    group = {change = 0, ids = {}}
    work.leases[lease_until] = group
  end
  return group
end

local function enter_lease(work, job)
  local group = lease_group(work, job.lease_until)
  group.change = group.change + 1
  group.ids[#group.ids + 1] = job.id
end

local function leave_lease(work, job)
  local group = lease_group(work, job.lease_until)
  group.change = group.change - 1
end

local function drop_group(instant)
  call('ZREM', base .. 'leases', instant)
  call('DEL', base .. 'l:' .. instant)
  call('HDEL', base .. 'running', instant)
end

-- Those that leave come first: that frees memory.
local function commit_leaving(work)
  for lease_until, group in pairs(part(work, 'leases')) do
    if group.change < 0 and #group.ids == 0 then
      local instant = score_text(lease_until)
      if call('HINCRBY', base .. 'running', instant, group.change) <= 0 then
        drop_group(instant)
      end
    end
  end
end

local function commit_entering(work)
  for lease_until, group in pairs(part(work, 'leases')) do
    if #group.ids > 0 then
      local instant = score_text(lease_until)
      call('APPEND', base .. 'l:' .. instant, table.concat(group.ids))
      call('HINCRBY', base .. 'running', instant, group.change)
      call('ZADD', base .. 'leases', instant, instant)
    end
  end
end

-- The ids of a group in order, each once, and their records.
local function members(instant)
  local blob, ids, seen = call('GET', base .. 'l:' .. instant) or '', {}, {}
  for at = 1, #blob - 15, 16 do
    local id = sub(blob, at, at + 15)
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end
  table.sort(ids, precedes)
  local values = fetch(ids)
  return ids, values
end
