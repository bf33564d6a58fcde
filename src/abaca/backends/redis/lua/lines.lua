-- Prelude: the lines of waiting jobs (one per queue, priority and lane), how jobs enter them, end, and are leased.
-- A line's text is "priority|lane|queue". The index of a queue holds "priority|lane|" scored by -priority.

local TOTAL = {[2] = 'completed', [3] = 'failed', [4] = 'cancelled'}

local function line_info(text)
  local info = lines[text]
  if not info then
    local priority, lane, queue = string.match(text, '^(%-?%d+)|([^|]*)|(.*)$')
    info = {
      key = base .. 'w:' .. text, index = base .. 'q:' .. queue, member = priority .. '|' .. lane .. '|',
      rank = -tonumber(priority), queue = queue, lane = lane, text = text,
    }
    lines[text] = info
  end
  return info
end

-- Puts a job into its line.
local function enter(work, id, static, due)
  local info = line_info(line_of(static))
  move(work, info.key, id, due)
  if not work.queues[info.queue] then
    work.queues[info.queue] = true
  end
  if not work.lists[info.key] then
    work.lists[info.key] = true
    move(work, info.index, info.member, info.rank)
  end
  if due <= now then
    work.due[info.queue] = (work.due[info.queue] or 0) + 1
  else
    work.later[info.queue] = true
  end
end

-- Of edges between jobs (edges.lua).
local count_end, leave_parents, leave_open

local function note_end(work, id, state, keep)
  move(work, ENDED, id, now + keep * 1000)
  work.totals[TOTAL[state]] = (work.totals[TOTAL[state]] or 0) + 1
end

-- The record of an end goes, or becomes that of a waiting job.
local function note_gone(work, state)
  local name = 'gone.' .. TOTAL[state]
  work.totals[name] = (work.totals[name] or 0) + 1
end

-- Ends a job: kept until `keep` ms from now, its key released, counted, its waiters told.
local function finish(work, job, state, keep)
  if job.state == RUNNING then
    leave_lease(work, job)
  end
  job.state, job.ended, job.keep = state, now, keep
  job.worker, job.lease_until, job.lease = '', 0, 0
  note_end(work, job.id, state, keep)
  if band(byte(job.static, 4), KEY_PERIOD) == 0 then
    release_key(work, job)
  end
  if job.parent then
    count_end(work, job, state)
  end
  leave_parents(work, job)
  job.hint = 'end'
end

-- Makes a job RUNNING under a new epoch and answers its packed record.
local function lease_to(work, job, worker, lease)
  job.state, job.epoch, job.revision, job.seq = RUNNING, job.epoch + 1, job.revision + 1, 0
  job.lease = own_lease(job.static) or lease
  job.lease_until = now + job.lease * 1000
  job.worker, job.claimed = worker, now
  if job.started == 0 then
    job.started = now
  end
  if band(byte(job.static, 4), KEY_WAITING) ~= 0 then
    release_key(work, job)
  end
  local value = format(job)
  work.values[#work.values + 1] = base .. 'j:' .. job.id
  work.values[#work.values + 1] = value
  enter_lease(work, job)
  return value
end

