-- Prelude: a new job that goes straight to a claim that waits for it. Where nothing waits in any queue of that claim, the
-- job would enter a line, be the first in it, and be claimed in the same call; so it is stored as claimed at once.

local straight

do
  local PLAIN = 25
  local NOT_PLAIN = HAS_KEY + HAS_LEASE + KEY_WAITING + KEY_PERIOD + HAS_RULES + DAMAGED

  -- The claim that comes first in a queue, if it wants a job of this lane and is listened for.
  local function first_waiter(queue, lane)
    local name = call('ZRANGE', base .. 'h:' .. queue, 0, 0)[1]
    local blob = name and call('GET', base .. 'v:' .. name)
    local want = blob and read_want(blob)
    if want and (want.slots[lane] or 0) > 0 and want.max_bytes > 0 and #want.worker <= MOST_WORKER
      and call('PUBSUB', 'NUMSUB', want.channel)[2] > 0 then
      return want
    end
  end

  -- Whether nothing waits in these queues.
  local function are_empty(queues)
    local indexes = {}
    for i = 1, #queues do
      indexes[i] = base .. 'q:' .. queues[i]
    end
    return call('EXISTS', unpack(indexes)) == 0
  end

  -- Stores a leased job and hands it over.
  local function hand(want, id, record, queue)
    local lease_until = now + want.lease * 1000
    local instant, clock = score_text(lease_until), last_clock()
    local group = base .. 'l:' .. instant
    prove('ZCARD', base .. 'leases')
    prove('HLEN', base .. 'running')
    prove('STRLEN', group)
    call('SADD', base .. 'queues', queue)
    call('SET', base .. 'j:' .. id,
      pack(LEASED_HEAD, LEASED, LEASED_SIZE + #want.worker, now, lease_until, want.lease) .. want.worker .. record)
    call('APPEND', group, id)
    call('HINCRBY', base .. 'running', instant, '1')
    call('ZADD', base .. 'leases', instant, instant)
    if not clock or now > clock then
      call('SET', base .. 'clock', score_text(now))
    end
    call('PUBLISH', base .. 'T:queue:' .. queue, '')
    call('PUBLISH', want.channel, want.name .. pack('<i8', now) .. id .. pack('<I4', #record) .. record)
    drop_waiter(want)
  end

  -- Answers whether that was done with a new job; otherwise nothing was written.
  function straight(place, static)
    if #place ~= PLAIN or sub(place, 17) ~= '\0\0\0\0\0\0\0\0\0' or band(byte(static, 4), NOT_PLAIN) ~= 0 then
      return false
    end
    local info, id = line_info(line_of(static)), sub(place, 1, 16)
    local queue = info.queue
    local want = first_waiter(queue, info.lane)
    if not want or not are_empty(want.queues) then
      return false
    end
    local known = call('MGET', base .. 'j:' .. id, base .. 'r:queue:' .. queue, base .. 'tasks')
    if known[1] or known[2] or known[3] then
      return false
    end
    hand(want, id, pack('<BI7', FRESH, now) .. static, queue)
    return true
  end
end
