-- Prelude: the turns of tenants, as backend.py says them. A tenant of which nothing was taken yet is met only when it comes
-- next, so that a claim costs what it takes and not what waits: those without a known pass stand in f: in the order in
-- which they come; the others in a:, by pass and then in that order. There each pass is a segment.

local turns = {}

do
  local open, peek, skip, head, sooner = streams.open, streams.peek, streams.skip, streams.head, streams.sooner
  local push, pop, is_free, pick_of = streams.push, streams.pop, streams.is_free, streams.pick_of
  local first_due = streams.first_due
  local TURN, MOST_WEIGHT, ORDINARY = 1048576, 1000, {'', 'm'}

  local function by_pass(a, b)
    return a.pass < b.pass
  end

  -- The line of a tenant; the one without a name has the jobs that name none.
  local function line_of_tenant(line, name)
    if name == '' then
      return line[''] and line.info.key
    end
    return line.m and fronts.line_key(name, line.info.text)
  end

  -- Puts the first jobs of a tenant among those that may come next.
  local function push_heads(order, group, tenant)
    tenant.looked_at = true
    for _, line in ipairs(group.lines) do
      local key = is_free(order, line) and line_of_tenant(line, tenant.name)
      local id, due = nil, nil
      if key then
        id, due = head(order, open(order, key))
      end
      if id then
        push(group.turns.ready, {id = id, due = due, tenant = tenant, line = line, key = key}, sooner)
      end
    end
  end

  -- A tenant that the claim has come to, and its pass, 0 where none is known.
  local function meet(group, name, pass)
    local tenant = {name = name, pass = pass, ready = true, looked_at = false}
    group.turns.tenants[name] = tenant
    return tenant
  end

  -- What is known of the turns of a group.
  local function turns_of(order, group)
    if group.turns or not group.tenants then
      return group.turns
    end
    local priority, queue = fronts.group_of(group.lines[1].info.text)
    local passes, counts = fronts.passes_key(priority, queue), fronts.counts_key(priority, queue)
    local time, parked = tonumber(call('ZSCORE', passes, 'time') or nil), tonumber(call('HGET', counts, '') or nil)
    local known = {
      passes = passes, counts = counts, time = time or 0, known = time, tenants = {}, ready = {}, ahead = {},
      left = {[''] = parked or 0}, others = call('HLEN', counts) - (parked and 1 or 0), segments = {}, claims = 0,
    }
    group.turns = known
    for _, line in ipairs(group.lines) do
      known.left[''] = known.left[''] + (line[''] and call('ZCARD', line.info.key) or 0)
    end
    local nameless = meet(group, '', tonumber(call('ZSCORE', passes, '=') or nil) or 0)
    if nameless.pass > known.time then
      nameless.ready = false
      push(known.ahead, nameless, by_pass)
    else
      push_heads(order, group, nameless)
    end
    return known
  end

  -- A job of a tenant goes for good; answers whether two tenants had jobs just before, those parked included.
  local function count_down(known, name)
    local shared = known.others + (known.left[''] > 0 and 1 or 0) > 1
    local left = known.left[name] or tonumber(call('HGET', known.counts, '=' .. name) or nil) or 0
    known.left[name] = left - 1
    if name ~= '' and left == 1 then
      known.others = known.others - 1
    end
    return shared
  end

  -- The first job of a stream of fronts whose tenant was not met yet.
  local function first_front(order, group, line, it)
    local member, score = peek(it)
    while member do
      local due, tail = score, member
      if it.pass then
        due, tail = fronts.read(member)
      end
      if due > now then
        it.last, it.page = true, {}
        return nil
      end
      local pick = pick_of(tail, due, 'm', group, line)
      if not group.turns.tenants[pick.tenant] then
        if not order.taken[pick.id] then
          pick.pass = it.pass or 0
          return pick
        end
        push_heads(order, group, meet(group, pick.tenant, it.pass or 0))
      end
      skip(it)
      member, score = peek(it)
    end
  end

  -- Of the tenants whose pass is not above what the time may become, the first job.
  local function best_ready(order, group)
    local known, best = group.turns, nil
    for _, line in ipairs(group.lines) do
      if line.m and is_free(order, line) then
        local pick = first_front(order, group, line, open(order, base .. 'f:' .. line.info.text))
        best = pick and sooner(pick, best) and pick or best
        for _, segment in ipairs(known.segments[line] or {}) do
          pick = first_front(order, group, line, segment)
          best = pick and sooner(pick, best) and pick or best
        end
      end
    end
    local top = known.ready[1]
    while top and not (top.tenant.ready and is_free(order, top.line) and not order.taken[top.id]) do
      pop(known.ready, sooner)
      if top.tenant.ready and is_free(order, top.line) then
        local id, due = head(order, open(order, top.key))
        if id then
          push(known.ready, {id = id, due = due, tenant = top.tenant, line = top.line, key = top.key}, sooner)
        end
      end
      top = known.ready[1]
    end
    if top and sooner(top, best) then
      local kind = top.tenant.name == '' and '' or 'm'
      return {id = top.id, due = top.due, kind = kind, group = group, line = top.line, tenant = top.tenant.name}
    end
    return best
  end

  -- The lowest pass in a line above those of its segments that are known.
  local function next_pass(line, segments)
    if segments.upcoming == nil then
      local low = segments.last and '(' .. score_text(segments.last) or '-inf'
      local found = call('ZRANGE', base .. 'a:' .. line.info.text, low, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
      segments.upcoming = tonumber(found[2] or nil) or false
    end
    return segments.upcoming
  end

  -- Lets all tenants join whose pass is not above this; answers the lowest pass of the others.
  local function let_in(order, group, most)
    local known = group.turns
    local ahead, lowest = known.ahead, nil
    for _, line in ipairs(group.lines) do
      if line.m and is_free(order, line) then
        local segments = known.segments[line] or {}
        known.segments[line] = segments
        local pass = next_pass(line, segments)
        while pass and pass <= most do
          segments[#segments + 1] = streams.segment(base .. 'a:' .. line.info.text, pass)
          segments.last, segments.upcoming = pass, nil
          pass = next_pass(line, segments)
        end
        lowest = pass and (not lowest or pass < lowest) and pass or lowest
      end
    end
    while ahead[1] and ahead[1].pass <= most do
      local tenant = ahead[1]
      pop(ahead, by_pass)
      tenant.ready = true
      push_heads(order, group, tenant)
    end
    return ahead[1] and (not lowest or ahead[1].pass < lowest) and ahead[1].pass or lowest
  end

  local function first_in_turn(order, group)
    local lowest = let_in(order, group, group.turns.time)
    local best = best_ready(order, group)
    while not best and lowest and first_due(order, group, ORDINARY) do
      lowest = let_in(order, group, lowest)
      best = best_ready(order, group)
    end
    return best
  end

  -- The next job of a group from its ordinary lines.
  function turns.next(order, group)
    local known = turns_of(order, group)
    if known and not known.forgotten then
      return first_in_turn(order, group)
    end
    return first_due(order, group, ORDINARY)
  end

  -- A job was taken out of its line.
  function turns.met(pick)
    local known = not pick.aged and pick.group.turns
    if known and not known.tenants[pick.tenant] then
      meet(pick.group, pick.tenant, pick.pass or 0)
    end
  end

  -- It was parked: its tenant goes on with the next one.
  function turns.parked(order, pick)
    local known = not pick.aged and pick.group.turns
    local tenant = known and known.tenants[pick.tenant]
    if tenant and not tenant.looked_at then
      push_heads(order, pick.group, tenant)
    end
  end

  -- It runs: its tenant has had its turn, or is alone.
  function turns.claimed(order, pick)
    local known = turns_of(order, pick.group)
    local shared = known and count_down(known, pick.tenant)
    if not known or pick.aged then
      return
    elseif not shared then
      known.forgotten = pick.tenant
      return
    end
    local tenant = known.tenants[pick.tenant]
    local weight = math.min(math.max(1, order.weights[pick.tenant] or 1), MOST_WEIGHT)
    known.time = math.max(known.time, tenant.pass)
    tenant.pass = known.time + math.floor(TURN / weight)
    tenant.ready, tenant.claimed, known.claims = false, true, known.claims + 1
    push(known.ahead, tenant, by_pass)
  end

  -- The pass of a tenant changes: its fronts are looked at again.
  local function touch_all(work, group, name)
    for _, line in ipairs(name ~= '' and group.lines or {}) do
      if line.m then
        fronts.touch(work, name, line.info.text)
      end
    end
  end

  -- Passes that are not above the time say nothing: for each claim some of them are forgotten.
  local function tidy(order, group)
    local known = group.turns
    local it = open(order, known.passes, true)
    for _ = 1, 2 * known.claims + 1 do
      local member, pass = peek(it)
      if not member or pass > known.time then
        return
      end
      local name = sub(member, 2)
      if member ~= 'time' and not (known.tenants[name] and known.tenants[name].claimed) then
        move(order.work, known.passes, member, false)
        touch_all(order.work, group, name)
      end
      skip(it)
    end
  end

  -- Notes what a claim leaves of the turns.
  function turns.close(order, group)
    local known, work = group.turns, order.work
    if known.forgotten then
      if known.known then
        work.gone[#work.gone + 1] = known.passes
        touch_all(work, group, known.forgotten)
      end
    elseif known.claims > 0 then
      move(work, known.passes, 'time', known.time)
      for name, tenant in pairs(known.tenants) do
        if tenant.claimed then
          move(work, known.passes, '=' .. name, tenant.pass)
          touch_all(work, group, name)
        end
      end
      tidy(order, group)
    end
  end
end
