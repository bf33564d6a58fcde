-- Prelude: in what order jobs are claimed where a queue has deadlines, tenants or aging: one by one.

local picking = {}

do
  local open, skip, head, sooner = streams.open, streams.skip, streams.head, streams.sooner
  local is_free, pick_of, first_due = streams.is_free, streams.pick_of, streams.first_due
  local AGED_SLOT, EVERY = 16, {'', 'm', 'd'}

  -- Whether a job of the line of deadlines is due, which it is unless the clock has stepped back.
  local function deadline_is_due(line, id)
    if line.due_count == nil then
      local key = base .. 'd:' .. line.info.text
      line.due_count = call('ZCOUNT', key, '-inf', now)
      line.all_due = line.due_count == call('ZCARD', key)
    end
    return line.all_due or (tonumber(call('ZSCORE', base .. 'd:' .. line.info.text, id) or nil) or now + 1) <= now
  end

  -- The job with the first deadline.
  local function first_urgent(order, group)
    local best
    for _, line in ipairs(group.lines) do
      if line.d and is_free(order, line) then
        local it = open(order, base .. 'e:' .. line.info.text, true)
        local id, deadline = head(order, it)
        while id and not deadline_is_due(line, id) do
          if line.due_count == 0 then
            id = nil
          else
            skip(it)
            id, deadline = head(order, it)
          end
        end
        local pick = id and pick_of(id, deadline, 'd', group, line)
        if pick and sooner(pick, best) then
          pick.deadline, best = deadline, pick
        end
      end
    end
    return best
  end

  local function oldest(order)
    local best
    for _, group in ipairs(order.groups) do
      local pick = first_due(order, group, EVERY)
      if pick and sooner(pick, best) then
        best = pick
      end
    end
    if best then
      best.aged = true
    end
    return best
  end

  -- How a claim goes through such groups of one queue. `free` is how many slots are left for each lane.
  function picking.start(work, queue, groups, free)
    local own = settings.of_queue(work, queue)
    local order = {
      work = work, queue = queue, groups = groups, free = free, weights = own.weights or {}, streams = {}, taken = {},
    }
    if own.aging then
      order.count = tonumber(call('HGET', base .. 'claims', queue) or nil) or 0
    end
    return order
  end

  -- The next job from a group, or in a slot for the aged from any, or nil.
  function picking.next(order, group)
    if order.count and (order.count + 1) % AGED_SLOT == 0 then
      return oldest(order)
    end
    return first_urgent(order, group) or turns.next(order, group)
  end

  -- The job leaves its line, to be parked.
  function picking.parked(order, pick)
    if pick.kind ~= 'd' then
      turns.parked(order, pick)
    end
  end

  -- The job leaves its line, to run or to be parked.
  function picking.taken(order, pick)
    order.taken[pick.id] = true
    kinds.put(order.work, pick.line.info, pick.id, pick.kind, pick.kind == 'd' and 0 or pick.tenant, false)
    if pick.kind ~= 'd' then
      turns.met(pick)
    end
  end

  -- The job runs: the queue has had one claim more, and it may have come late.
  function picking.started(order, pick)
    if order.count then
      order.count = order.count + 1
    end
    if pick.kind ~= 'd' then
      turns.claimed(order, pick)
    else
      local key = base .. 'e:' .. pick.line.info.text
      if now > (pick.deadline or tonumber(call('ZSCORE', key, pick.id) or nil) or now) then
        local totals, name = order.work.totals, 'late.' .. order.queue
        totals[name] = (totals[name] or 0) + 1
      end
    end
  end

  -- Notes what the claim leaves of turns and counts.
  function picking.close(order)
    for _, group in ipairs(order.groups) do
      if group.turns then
        turns.close(order, group)
      end
    end
    if order.count then
      order.work.counts[order.queue] = order.count % AGED_SLOT
    end
  end
end
