-- Prelude: what records say of queues and buckets. A bucket of a whole task holds without being carried by its jobs, so
-- that the claim must know of it: `tasks` lists, as msgpack, the tasks that have such a record. It is read with the
-- settings of the first queue.

local settings = {TASK = 'jobs-of:'}

do
  local OVERFLOWS = {reject = true, wait = true, ['shed-lowest'] = true}

  -- A bucket with limits as numbers, from what a job carries or a record says.
  local function as_limit(it)
    local limit = {bucket = it.bucket, concurrency = it.concurrency, rate = it.rate, burst = it.burst or 1}
    if it.rate then
      limit.interval = math.floor((it.period_ms or 1000) * 1000 / it.rate)
    end
    return limit
  end

  -- The data of a small record that has not expired, or nil.
  local function data_of(value)
    if value and #value >= 24 then
      local ends = sunpack('<i8', value, 9)
      if ends == 0 or now < ends then
        return sub(value, 25)
      end
    end
  end

  -- What a record of settings says, as a table; one that cannot be read says nothing.
  local function settings_in(value, check)
    local fine, it = pcall(cjson.decode, data_of(value) or '')
    return fine and type(it) == 'table' and check(it) and it or nil
  end

  local function whole(value)
    return value == nil or (type(value) == 'number' and value == math.floor(value))
  end

  local function truth(value)
    return value == nil or type(value) == 'boolean'
  end

  local function null_is_nil(it, ...)
    for _, name in ipairs({...}) do
      if it[name] == cjson.null then
        it[name] = nil
      end
    end
  end

  local function are_weights(it)
    if it ~= nil and type(it) ~= 'table' then
      return false
    end
    for tenant, weight in pairs(it or {}) do
      if type(tenant) ~= 'string' or weight == nil or not whole(weight) then
        return false
      end
    end
    return true
  end

  local function is_queue(it)
    null_is_nil(it, 'concurrency', 'max_length', 'max_wait_ms')
    return truth(it.paused) and truth(it.aging) and whole(it.concurrency) and whole(it.max_length)
      and whole(it.max_wait_ms) and (it.overflow == nil or OVERFLOWS[it.overflow]) and are_weights(it.weights)
  end

  local function is_limit(it)
    null_is_nil(it, 'concurrency', 'rate')
    return type(it.bucket) == 'string' and whole(it.concurrency) and whole(it.rate) and whole(it.period_ms)
      and whole(it.burst)
  end

  local function read_tasks(value)
    local fine, names = pcall(cmsgpack.unpack, value or '')
    local set = {}
    for _, name in ipairs(fine and type(names) == 'table' and names or {}) do
      set[name] = true
    end
    return set
  end

  local function write_tasks(set)
    local names = {}
    for name in pairs(set) do
      names[#names + 1] = name
    end
    if #names > 0 then
      call('SET', base .. 'tasks', cmsgpack.pack(names))
    else
      call('DEL', base .. 'tasks')
    end
  end

  function settings.of_queue(work, queue)
    local known = work.queue_settings[queue]
    if not known then
      local values = call('MGET', base .. 'r:queue:' .. queue, base .. 'tasks')
      known = values[1] and settings_in(values[1], is_queue) or {}
      work.queue_settings[queue], work.tasks = known, values[2] and (work.tasks or read_tasks(values[2]))
    end
    return known
  end

  -- What a record says of a bucket, or nil.
  local function said_limit(work, bucket)
    local known = work.limits[bucket]
    if known == nil then
      local said = settings_in(call('GET', base .. 'r:bucket:' .. bucket), is_limit)
      known = said and as_limit(said) or false
      work.limits[bucket] = known
    end
    return known or nil
  end

  -- Whether the task of a job is of those that have a bucket.
  function settings.has_bucket(work, static)
    return work.tasks and work.tasks[task_of(static)]
  end

  -- The limits that a job must pass: its queue's, its task's, then its own, which `rules` have where they were read.
  function settings.limits(work, static, queue, rules)
    local limits, concurrency = {}, settings.of_queue(work, queue).concurrency
    if concurrency then
      limits[1] = {bucket = 'queue:' .. queue, concurrency = concurrency, burst = 1}
    end
    local of_task = settings.has_bucket(work, static) and said_limit(work, settings.TASK .. task_of(static))
    if of_task then
      of_task.bucket = settings.TASK .. task_of(static)
      limits[#limits + 1] = of_task
    end
    for _, carried in ipairs((rules or rules_of(static)).Limits or {}) do
      limits[#limits + 1] = said_limit(work, carried.bucket) or as_limit(carried)
    end
    return limits
  end

  -- A record of kind bucket was put or deleted: if it is of a task, the list follows.
  function settings.list_task(id, there)
    if sub(id, 1, #settings.TASK) == settings.TASK then
      local set = read_tasks(call('MGET', base .. 'tasks')[1])
      set[sub(id, #settings.TASK + 1)] = there or nil
      write_tasks(set)
    end
  end

  function settings.lists_task(task)
    return read_tasks(call('GET', base .. 'tasks'))[task]
  end

  -- Takes tasks from the list whose records have expired.
  function settings.unlist_expired()
    local value = call('MGET', base .. 'tasks')[1]
    local set, gone = value and read_tasks(value) or {}, false
    for name in pairs(set) do
      if not data_of(call('GET', base .. 'r:bucket:' .. settings.TASK .. name)) then
        set[name], gone = nil, true
      end
    end
    if gone then
      write_tasks(set)
    end
  end
end
