-- Prelude: the lines of waiting jobs (one per queue, priority and lane), how jobs enter them, end, and are leased.
-- A line's text is "priority|lane|queue". Its jobs are kept apart by kind: those that are ordered by deadline (d:, by due
-- time, and e:, by deadline), those that name a tenant (m:, and what fronts.lua says), and the others (w:). The index of
-- a queue holds "priority|lane|" and the kind's letter, none for w, scored by -priority.

local kinds = {KEY = {[''] = 'w:', m = 'm:', d = 'd:'}}

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

-- The sorted set by due time that a member of a queue's index stands for, the line's text, and the kind.
function kinds.listed(member, queue)
  local line, kind = string.match(member, '^([^|]*|[^|]*|)(.?)$')
  return base .. kinds.KEY[kind] .. line .. queue, line .. queue, kind
end

-- Of which kind a waiting job is, and the deadline's distance in ms or the tenant.
function kinds.of(static, epoch)
  if band(byte(static, 4), HAS_RULES) == 0 then
    return ''
  end
  local rules = rules_of(static)
  if rules.StartWithinMs and epoch == 0 then
    return 'd', rules.StartWithinMs
  elseif rules.Tenant and rules.Tenant ~= '' then
    return 'm', rules.Tenant
  end
  return ''
end

-- Gives a job its place in a line, or with `false` for the due time takes it away.
function kinds.put(work, info, id, kind, of_kind, due)
  if kind == '' then
    move(work, info.key, id, due)
  elseif kind == 'd' then
    move(work, base .. 'd:' .. info.text, id, due)
    move(work, base .. 'e:' .. info.text, id, due and due + of_kind * 1000)
  else
    move(work, base .. 'm:' .. info.text, id .. of_kind, due)
    move(work, fronts.touch(work, of_kind, info.text).key, id, due)
    fronts.count(work, info, of_kind, due and 1 or -1)
  end
end

-- Puts a job into its line. `epoch` tells whether it was ever claimed.
local function enter(work, id, static, due, epoch)
  local info, kind, of_kind = line_info(line_of(static)), '', nil
  local list = info.key
  if band(byte(static, 4), HAS_RULES) == 0 then
    move(work, list, id, due)
  else
    kind, of_kind = kinds.of(static, epoch)
    kinds.put(work, info, id, kind, of_kind, due)
    list = list .. kind
  end
  if not work.queues[info.queue] then
    work.queues[info.queue] = true
  end
  if not work.lists[list] then
    work.lists[list] = true
    move(work, info.index, info.member .. kind, info.rank)
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

