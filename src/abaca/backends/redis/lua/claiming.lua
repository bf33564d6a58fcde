-- Prelude: how waiting jobs are claimed.

local read_want, claim, last_clock, see_clock, commit_claim, next_due

do
  -- What stands before a short record that is leased, and the group of that lease; the same for all jobs of one claim.
  local function leased_head(work, worker, length)
    local known = work.heads[length]
    if not known then
      local lease_until = now + length * 1000
      local head = pack(LEASED_HEAD, LEASED, LEASED_SIZE + #worker, now, lease_until, length) .. worker
      known = {head = head, group = lease_group(work, lease_until)}
      work.heads[length] = known
    end
    return known
  end

  -- Leases a job whose record is short. Answers how long its arguments are, or nil when that is not its case. `judged` says
  -- that no limit holds for it.
  local function lease_fresh(work, id, key, value, want, judged)
    local form = byte(value, 1)
    local at = form == FRESH and 9 or form == DELAYED and 17
    if not at or #value < at + 4 or #want.worker > MOST_WORKER then
      return nil
    end
    local low, middle, high, flags = byte(value, at, at + 3)
    local size = #value - at + 1 - low - 256 * middle - 65536 * high
    if size < 0 or band(flags, judged and KEY_WAITING or KEY_WAITING + HAS_RULES) ~= 0
      or (work.tasks and not judged and settings.has_bucket(work, sub(value, at))) then
      return nil
    end
    local lease = leased_head(work, want.worker, band(flags, HAS_LEASE) ~= 0 and own_lease(sub(value, at)) or want.lease)
    local values, group = work.values, lease.group
    local count = #values
    values[count + 1], values[count + 2] = key, lease.head .. value
    group.change = group.change + 1
    group.ids[group.change] = id
    return size
  end

  -- The heads of the lines in one priority of a queue behind those that were taken, at most as many of each as its lane has
  -- free slots: ids in order, the line of each, or of all where there is one, and of which lines there may be more.
  local function candidates(group, free, taken)
    local more = {}
    if #group == 1 then
      local info = line_info(group[1])
      local heads = call('ZRANGE', info.key, '-inf', score_text(now), 'BYSCORE', 'LIMIT', taken[info.key] or '0', free[info.lane])
      more[info.key] = #heads == free[info.lane] and #heads
      return heads, info, nil, more
    end
    local merged = {}
    for _, text in ipairs(group) do
      local info = line_info(text)
      local most = free[info.lane]
      local heads = {}
      if most > 0 then
        heads = call('ZRANGE', info.key, '-inf', now, 'BYSCORE', 'LIMIT', taken[info.key] or 0, most, 'WITHSCORES')
      end
      more[info.key] = #heads == 2 * most and most
      for i = 1, #heads, 2 do
        merged[#merged + 1] = {id = heads[i], line = info, due = tonumber(heads[i + 1])}
      end
    end
    table.sort(merged, function(a, b)
      if a.due ~= b.due then
        return a.due < b.due
      end
      return precedes(a.id, b.id)
    end)
    local ids, infos = {}, {}
    for i, head in ipairs(merged) do
      ids[i], infos[i] = head.id, head.line
    end
    return ids, nil, infos, more
  end

  -- How many records are read at once: few where they may be large.
  local FEW, SMALL = 64, 1024

  -- Judges a job by its limits; answers whether it may start. Otherwise it is parked.
  local function passes(work, job, limits, state)
    local limit, refill_at = exhausted(work, limits)
    if limit then
      park(work, job, limit, refill_at)
      state.parked = state.parked + 1
      return false
    end
    take_permits(work, job, limits)
    return true
  end

  -- Whether a claim looks at no more jobs.
  local function is_over(want, state)
    return state.open <= 0 or state.size >= want.max_bytes or state.parked >= MOST_PARKED
  end

  -- Leases the first of these jobs of one line, as far as they are the usual ones: due at once, without a lease of their own,
  -- rules, or limits of their queue or task. Answers how many.
  local function take_usual(work, ids, keys, values, line, want, state)
    if work.tasks or work.queue_settings[line.queue].concurrency or #want.worker > MOST_WORKER then
      return 0
    end
    local lease, size, done = leased_head(work, want.worker, want.lease), state.size, 0
    local head, leased, group, out, got = lease.head, lease.group.ids, lease.group, work.values, state.got
    local place, at, first, claimed = #out, #got, #leased, #work.claimed
    for i = 1, #ids do
      local value = values[i]
      if not value or size >= want.max_bytes or byte(value, 1) ~= FRESH or #value < 13 then
        break
      end
      local low, middle, high, flags = byte(value, 9, 12)
      local length = #value - 8 - low - 256 * middle - 65536 * high
      if length < 0 or band(flags, HAS_LEASE + KEY_WAITING + HAS_RULES) ~= 0 then
        break
      end
      local id = ids[i]
      done, size = i, size + length
      out[place + 1], out[place + 2], place = keys[i], head .. value, place + 2
      got[at + 1], got[at + 2], at = id, value, at + 2
      leased[first + i], work.claimed[claimed + i] = id, id
    end
    group.change, state.size, state.open = group.change + done, size, state.open - done
    state.free[line.lane] = state.free[line.lane] - done
    work.popped[line.key] = (work.popped[line.key] or 0) + done
    return done
  end

  -- Claims from the front of `heads` until the bytes are used up; jobs go to `got` as id, record, id, record. A job whose
  -- record is short goes as it was: what the claim changed of it is the same for all, and the caller knows it. Answers
  -- whether to look again: some were parked, and behind the heads of their line there may be more.
  local function take(work, heads, only, infos, want, state, more)
    local first, step, free, got = 1, FEW, state.free, state.got
    while first <= #heads do
      local ids = {}
      for i = first, math.min(first + step - 1, #heads) do
        ids[#ids + 1] = heads[i]
      end
      local values, keys = fetch(ids)
      local before = state.size
      local usual = only and take_usual(work, ids, keys, values, only, want, state) or 0
      if usual > 0 and more[only.key] then
        more[only.key] = more[only.key] - usual
        if more[only.key] == 0 and free[only.lane] > 0 then
          return true
        end
      end
      for i = usual + 1, #ids do
        if state.size >= want.max_bytes or state.parked >= MOST_PARKED then
          return false
        end
        local id, value, line = ids[i], values[i], only or infos[first + i - 1]
        work.popped[line.key] = (work.popped[line.key] or 0) + 1
        if value then
          local size = not work.queue_settings[line.queue].concurrency and lease_fresh(work, id, keys[i], value, want)
          if not size then
            local job = parse(id, value) or mend(id, value, line.text)
            local limits = settings.limits(work, job.static, line.queue)
            if #limits == 0 or passes(work, job, limits, state) then
              size = args_size(job.static)
              value = lease_to(work, job, want.worker, want.lease)
            end
          end
          if size then
            state.size = state.size + size
            free[line.lane] = free[line.lane] - 1
            state.open = state.open - 1
            local count = #got
            got[count + 1], got[count + 2] = id, value
            work.claimed[#work.claimed + 1] = id
          end
        end
        if more[line.key] then
          more[line.key] = more[line.key] - 1
          if more[line.key] == 0 and free[line.lane] > 0 then
            return true
          end
        end
      end
      first = first + #ids
      step = state.size - before < #ids * SMALL and CHUNK or FEW
    end
    return false
  end

  -- The lines of a queue, highest priority first, in groups of one priority that have free slots: the texts of those with
  -- free slots, and in `all` the members of the index. `all.apart` marks a group whose jobs are chosen one by one.
  local function groups_of(queue, free, aging)
    local index = call('ZRANGE', base .. 'q:' .. queue, '0', '-1', 'WITHSCORES')
    local groups, score, group, all = {}, nil, nil, nil
    for i = 1, #index, 2 do
      local line, lane, kind = string.match(index[i], '^([^|]*|([^|]*)|)(.?)$')
      if index[i + 1] ~= score then
        score, group, all = index[i + 1], nil, {}
      end
      all[#all + 1] = index[i]
      if (free[lane] or 0) > 0 then
        if not group then
          group = {all = all, queue = queue}
          groups[#groups + 1] = group
        end
        if kind == '' then
          group[#group + 1] = line .. queue
        end
      end
      all.apart = all.apart or aging or kind ~= ''
    end
    return groups
  end

  -- The lines of such a group, each with its kinds.
  local function read_lines(group)
    local by_text = {}
    group.lines = {}
    for _, member in ipairs(group.all) do
      local start, kind = string.match(member, '^([^|]*|[^|]*|)(.?)$')
      local text = start .. group.queue
      if not by_text[text] then
        by_text[text] = {info = line_info(text)}
        table.insert(group.lines, by_text[text])
      end
      by_text[text][kind] = true
      group.tenants = group.tenants or kind == 'm'
    end
  end

  -- Takes lines out of the index in which nobody waits any more. Those of tenants stay while anything is known of turns.
  local function forget_empty(work, group)
    for _, member in ipairs(group.all) do
      local key, text, kind = kinds.listed(member, group.queue)
      local known = false
      if kind == 'm' then
        local priority = string.match(text, '^[^|]*')
        known = call('EXISTS', fronts.passes_key(priority, group.queue), fronts.counts_key(priority, group.queue)) > 0
      end
      if not known and call('EXISTS', key) == 0 then
        move(work, base .. 'q:' .. group.queue, member, false)
      end
    end
  end

  -- Has a job run that comes next in its queue, or parks it.
  local function start_one(work, order, pick, want, state)
    local key, text = base .. 'j:' .. pick.id, pick.line.info.text
    local value = call('GET', key)
    picking.taken(order, pick)
    local form, size = value and byte(value, 1), nil
    if form == FRESH or form == DELAYED then
      local static = sub(value, form == FRESH and 9 or 17)
      local rules = plausible(static) and rules_of(static)
      if rules and not rules.After and #settings.limits(work, static, order.queue, rules) == 0 then
        size = lease_fresh(work, pick.id, key, value, want, true)
      end
    end
    if value and not size then
      local job = parse(pick.id, value) or mend(pick.id, value, text)
      local limits = settings.limits(work, job.static, order.queue)
      if #limits == 0 or passes(work, job, limits, state) then
        size = args_size(job.static)
        value = lease_to(work, job, want.worker, want.lease)
      end
    end
    if not size then
      return picking.parked(order, pick)
    end
    picking.started(order, pick)
    local lane, got = pick.line.info.lane, state.got
    state.size, state.open, state.free[lane] = state.size + size, state.open - 1, state.free[lane] - 1
    got[#got + 1] = pick.id
    got[#got + 1] = value
    work.claimed[#work.claimed + 1] = pick.id
  end

  -- Claims from a group one by one.
  local function take_apart(work, order, group, want, state)
    local pick = picking.next(order, group)
    if not pick then
      forget_empty(work, group)
    end
    while pick do
      start_one(work, order, pick, want, state)
      pick = not is_over(want, state) and picking.next(order, group)
    end
  end

  function read_want(blob)
    local it = cmsgpack.unpack(blob)
    return {
      worker = it[1], lease = it[2], max_bytes = it[3], queues = it[4], slots = it[5], name = it[6], channel = it[7],
      blob = blob,
    }
  end

  local function claim_queue(work, queue, want, state)
    local own = settings.of_queue(work, queue)
    local before = #state.got
    local groups = own.paused and {} or groups_of(queue, state.free, own.aging)
    local apart = {}
    for _, group in ipairs(groups) do
      if group.all.apart then
        read_lines(group)
        apart[#apart + 1] = group
      end
    end
    local order = #apart > 0 and picking.start(work, queue, apart, state.free)
    for _, group in ipairs(groups) do
      if is_over(want, state) then
        break
      elseif group.all.apart then
        take_apart(work, order, group, want, state)
      else
        local heads, only, infos, more = candidates(group, state.free, work.popped)
        if #heads == 0 then
          forget_empty(work, group)
        end
        while take(work, heads, only, infos, want, state, more) do
          heads, only, infos, more = candidates(group, state.free, work.popped)
        end
      end
    end
    if order then
      picking.close(order)
    end
    if #state.got > before and (own.max_length or own.max_wait_ms) then
      admission.claimed(work, queue, state.got, before)
    end
  end

  -- Claims for a want: queues in its order, inside a queue by priority, due time and id. Answers id, record, id, record.
  function claim(work, want)
    local state = {free = {}, open = 0, size = 0, parked = 0, got = {}}
    work.claimed, work.heads = {}, {}
    for lane, slots in pairs(want.slots) do
      state.free[lane] = slots
      state.open = state.open + math.max(0, slots)
    end
    for _, queue in ipairs(want.queues) do
      claim_queue(work, queue, want, state)
      if is_over(want, state) then
        break
      end
    end
    return state.got
  end

  -- The latest instant at which a lease was made, or nil.
  function last_clock()
    local last = redis.pcall('GET', base .. 'clock')
    return type(last) == 'string' and tonumber(last) or nil
  end

  -- Remembers that instant, so that reclaim sees a clock that stepped back.
  function see_clock()
    local last = last_clock()
    if not last or now > last then
      call('SET', base .. 'clock', score_text(now))
    end
  end

  -- Writes what `claim` noted, and tells who watches the jobs; not of those that entered the store in this same call, which
  -- nobody has seen waiting.
  function commit_claim(work, fresh)
    commit(work)
    if #work.claimed > 0 then
      see_clock()
    end
    local seen = work.claimed
    if fresh then
      seen = {}
      for _, id in ipairs(work.claimed) do
        seen[#seen + 1] = not fresh[id] and id or nil
      end
    end
    tell(seen)
    fill_up(work)
  end

  -- When the first job for a want is due that `work` did not claim, or nil.
  function next_due(work, want)
    local refills = call('ZRANGE', base .. 'refills', '0', '0', 'WITHSCORES')
    local first = tonumber(refills[2])
    for _, queue in ipairs(want.queues) do
      for _, group in ipairs(settings.of_queue(work, queue).paused and {} or groups_of(queue, want.slots)) do
        for _, member in ipairs(group.all) do
          local lane = string.match(member, '^[^|]*|([^|]*)|')
          local due = (want.slots[lane] or 0) > 0 and call('ZRANGE', (kinds.listed(member, queue)), 0, 0, 'WITHSCORES')[2]
          due = tonumber(due or nil)
          if due and (not first or due < first) then
            first = due
          end
        end
      end
    end
    return first
  end
end
