-- Prelude: how a claim reads the lines of a queue that has deadlines, tenants or aging: in order, page by page, as they
-- were before it; what it took is passed over. `order` is a claim of one queue, `group` one priority of it, and a pick is
-- the place of one job.

local streams = {}

do
  local FIRST_PAGE, LARGEST_PAGE = 2, 64

  -- The members of a sorted set in order, page by page: those that are due, or all.
  function streams.open(order, key, all)
    local name = all and key .. '*' or key
    local it = order.streams[name]
    if not it then
      it = {key = key, all = all, low = '-inf', high = score_text(now), size = FIRST_PAGE, read = 0, page = {}, at = 1, last = false}
      order.streams[name] = it
    end
    return it
  end

  -- Those that have this pass as their score.
  function streams.segment(key, pass)
    local score = score_text(pass)
    return {
      key = key, low = score, high = score, pass = pass, size = FIRST_PAGE, read = 0, page = {}, at = 1, last = false,
    }
  end

  -- The member at which a stream stands, and its score.
  function streams.peek(it)
    while not it.page[it.at] do
      if it.last then
        return nil
      elseif it.all then
        it.page = call('ZRANGE', it.key, it.read, it.read + it.size - 1, 'WITHSCORES')
      else
        it.page = call('ZRANGE', it.key, it.low, it.high, 'BYSCORE', 'LIMIT', it.read, it.size, 'WITHSCORES')
      end
      it.read, it.at, it.last = it.read + it.size, 1, #it.page < 2 * it.size
      it.size = math.min(LARGEST_PAGE, 2 * it.size)
    end
    return it.page[it.at], tonumber(it.page[it.at + 1])
  end

  function streams.skip(it)
    it.at = it.at + 2
  end

  -- The first member whose job was not taken.
  function streams.head(order, it)
    local member, score = streams.peek(it)
    while member and order.taken[sub(member, 1, 16)] do
      streams.skip(it)
      member, score = streams.peek(it)
    end
    return member, score
  end

  function streams.sooner(a, b)
    if not a or not b then
      return b == nil and a ~= nil
    elseif a.due ~= b.due then
      return a.due < b.due
    end
    local a_first, a_second, a_third = sunpack('>I6I6I4', a.id)
    local b_first, b_second, b_third = sunpack('>I6I6I4', b.id)
    if a_first ~= b_first then
      return a_first < b_first
    elseif a_second ~= b_second then
      return a_second < b_second
    end
    return a_third < b_third
  end

  function streams.push(heap, item, before)
    local at = #heap + 1
    while at > 1 and before(item, heap[math.floor(at / 2)]) do
      heap[at] = heap[math.floor(at / 2)]
      at = math.floor(at / 2)
    end
    heap[at] = item
  end

  function streams.pop(heap, before)
    local item, size = heap[#heap], #heap - 1
    heap[#heap] = nil
    local at = 1
    while 2 * at <= size do
      local child = 2 * at
      if child < size and before(heap[child + 1], heap[child]) then
        child = child + 1
      end
      if not before(heap[child], item) then
        break
      end
      heap[at] = heap[child]
      at = child
    end
    if size > 0 then
      heap[at] = item
    end
  end

  function streams.is_free(order, line)
    return (order.free[line.info.lane] or 0) > 0
  end

  function streams.pick_of(member, due, kind, group, line)
    return {id = sub(member, 1, 16), due = due, kind = kind, group = group, line = line, tenant = sub(member, 17)}
  end

  -- The job of a group that has been due longest, of some kinds.
  function streams.first_due(order, group, wanted)
    local best
    for _, line in ipairs(group.lines) do
      for _, kind in ipairs(streams.is_free(order, line) and wanted or {}) do
        if line[kind] then
          local member, due = streams.head(order, streams.open(order, base .. kinds.KEY[kind] .. line.info.text))
          local pick = member and streams.pick_of(member, due, kind, group, line)
          if pick and streams.sooner(pick, best) then
            best = pick
          end
        end
      end
    end
    return best
  end
end
