-- Prelude: claims that are held open. A waiter's want is kept under v:<name>, its name in h:<queue> for each queue it
-- serves, scored by when it came. Whoever makes a job due hands it over, leased, to the first waiter that can take it.

local drop_waiter, add_waiter, serve

do
  local WAITER_LIFE_MS, QUEUE_LIFE_MS = '3000', '6000'
  local HANDOVER_BYTES = 1048576
  local MOST_WAITERS = 32

  function drop_waiter(want)
    call('DEL', base .. 'v:' .. want.name)
    for _, queue in ipairs(want.queues) do
      call('ZREM', base .. 'h:' .. queue, want.name)
    end
  end

  function add_waiter(want)
    call('SET', base .. 'v:' .. want.name, want.blob, 'PX', WAITER_LIFE_MS)
    for _, queue in ipairs(want.queues) do
      call('ZADD', base .. 'h:' .. queue, 'NX', score_text(now), want.name)
      call('PEXPIRE', base .. 'h:' .. queue, QUEUE_LIFE_MS)
    end
  end

  -- Claims for a waiter and sends it the jobs; answers how many. A waiter that nobody listens for any more is dropped, and
  -- what was noted for it is not written.
  local function hand_over(want, fresh)
    local work = lazy_work()
    want.max_bytes = math.min(want.max_bytes, HANDOVER_BYTES)
    local got = claim(work, want)
    if #got == 0 then
      return 0
    end
    local parts = {want.name, pack('<i8', now)}
    for i = 1, #got, 2 do
      parts[#parts + 1] = got[i]
      parts[#parts + 1] = pack('<I4', #got[i + 1])
      parts[#parts + 1] = got[i + 1]
    end
    local heard = call('PUBLISH', want.channel, table.concat(parts)) > 0
    if heard then
      commit_claim(work, fresh)
    end
    drop_waiter(want)
    return heard and #got / 2 or 0
  end

  -- Wakes those who wait for a queue, so that they learn when its next job is due.
  local function wake(queue)
    for _, name in ipairs(call('ZRANGE', base .. 'h:' .. queue, 0, MOST_WAITERS - 1)) do
      local blob = call('GET', base .. 'v:' .. name)
      if blob then
        call('PUBLISH', read_want(blob).channel, name .. pack('<i8', now))
      end
    end
  end

  -- Hands what a committed unit of work made claimable to those who wait for it.
  local function serve_one(work)
    for queue, count in pairs(part(work, 'due')) do
      local names = call('ZRANGE', base .. 'h:' .. queue, 0, MOST_WAITERS - 1)
      for _, name in ipairs(names) do
        if count <= 0 then
          break
        end
        local blob = call('GET', base .. 'v:' .. name)
        if blob then
          count = count - hand_over(read_want(blob), work.fresh)
        else
          call('ZREM', base .. 'h:' .. queue, name)
        end
      end
    end
    for queue in pairs(part(work, 'later')) do
      wake(queue)
    end
  end

  -- The same, and for whatever limits let back meanwhile: each claim that is answered may make room for another.
  local MOST_ROUNDS = 100

  function serve(work)
    pending[#pending + 1] = work
    for _ = 1, MOST_ROUNDS do
      local next_work = table.remove(pending, 1)
      if not next_work then
        return
      end
      serve_one(next_work)
    end
  end
end
