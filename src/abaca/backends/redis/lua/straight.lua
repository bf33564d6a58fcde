-- Prelude: short ways for the usual calls on an idle system, which cost the server a part of what the whole ones do.
--
-- A new job that is wanted by a claim that waits, while nothing else waits in any queue of that claim, would enter a line,
-- be the first in it, and be claimed in the same call: it is stored as claimed at once.

local straight = {}

do
  local PLAIN = 25
  local DUE_NOW = '\0\0\0\0\0\0\0\0\0'
  local NOT_PLAIN = HAS_KEY + HAS_LEASE + KEY_WAITING + KEY_PERIOD + HAS_RULES + DAMAGED

  -- The claim that comes first in a queue, if it wants a job of this lane.
  local function first_waiter(queue, lane)
    local name = call('ZRANGE', base .. 'h:' .. queue, '0', '0')[1]
    local blob = name and call('GET', base .. 'v:' .. name)
    local want = blob and read_want(blob)
    if want and (want.slots[lane] or 0) > 0 and want.max_bytes > 0 and #want.worker <= MOST_WORKER then
      return want
    end
  end

  -- Whether none of these keys is there, nor any line of these queues.
  local function are_absent(queues, ...)
    local keys = {...}
    for _, queue in ipairs(queues) do
      keys[#keys + 1] = base .. 'q:' .. queue
    end
    return call('EXISTS', unpack(keys)) == 0
  end

  -- Hands a job over and stores it as leased, if anybody listens.
  local function hand(want, id, record, queue)
    local lease_until = now + want.lease * 1000
    local instant, clock = score_text(lease_until), last_clock()
    local group = base .. 'l:' .. instant
    prove('ZCARD', base .. 'leases')
    prove('HLEN', base .. 'running')
    prove('STRLEN', group)
    call('SADD', base .. 'queues', queue)
    if call('PUBLISH', want.channel, want.name .. pack('<i8', now) .. id .. pack('<I4', #record) .. record) == 0 then
      return false
    end
    call('SET', base .. 'j:' .. id,
      pack(LEASED_HEAD, LEASED, LEASED_SIZE + #want.worker, now, lease_until, want.lease) .. want.worker .. record)
    call('APPEND', group, id)
    call('HINCRBY', base .. 'running', instant, '1')
    call('ZADD', base .. 'leases', instant, instant)
    if not clock or now > clock then
      call('SET', base .. 'clock', score_text(now))
    end
    call('PUBLISH', base .. 'T:queue:' .. queue, '')
    drop_waiter(want)
    return true
  end

  -- Answers whether a new job was handed over so; otherwise it is not stored.
  function straight.insert(place, static)
    if #place ~= PLAIN or sub(place, 17) ~= DUE_NOW or band(byte(static, 4), NOT_PLAIN) ~= 0 then
      return false
    end
    local info, id = line_info(line_of(static)), sub(place, 1, 16)
    local queue = info.queue
    local want = first_waiter(queue, info.lane)
    if not want or not are_absent(want.queues, base .. 'j:' .. id, base .. 'r:queue:' .. queue, base .. 'tasks') then
      return false
    end
    return hand(want, id, pack('<BI7', FRESH, now) .. static, queue)
  end

  -- The line of jobs whose static parts begin so, entered once for all of them in this unit of work; false where they need
  -- the whole way.
  local function plain_line(work, head)
    local info = band(byte(head, 1), NOT_PLAIN + HAS_KEEP) == 0 and line_info(sub(head, 3))
    if not info or next(settings.of_queue(work, info.queue)) then
      return false
    end
    work.queues[info.queue], work.lists[info.key] = true, true
    move(work, info.index, info.member, info.rank)
    return info
  end

  -- Has a new job wait in its line, as `enter_new` does for one without key, rules and delay in a queue without settings;
  -- answers whether it was that.
  function straight.enter(work, place, static)
    if #place ~= PLAIN or sub(place, 17) ~= DUE_NOW then
      return false
    end
    local id, head = sub(place, 1, 16), sub(static, 4, 5 + byte(static, 5))
    local info = work.plain[head]
    if info == nil then
      info = plain_line(work, head)
      work.plain[head] = info
    end
    if not info or work.jobs[id] or work.raw[id] then
      return false
    end
    local values, queue = work.values, info.queue
    local count = #values
    values[count + 1], values[count + 2] = base .. 'j:' .. id, pack('<BI7', FRESH, now) .. static
    work.fresh[id], work.jobs[id] = count + 2, true
    work.moves[info.key] = work.moves[info.key] or {}
    work.moves[info.key][id] = now
    work.due[queue] = (work.due[queue] or 0) + 1
    return true
  end

  -- Holds a claim open for which nothing waits, now or later; answers whether that was so.
  function straight.hold(want)
    if want.name == '' or not are_absent(want.queues, base .. 'refills') then
      return false
    end
    add_waiter(want)
    return true
  end
end
