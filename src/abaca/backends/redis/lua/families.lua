-- Prelude: what a unit of work notes of edges between jobs (edges.lua), and how that is written.
--
--   c:<id>       hash        the children of a job that have not ended themselves: id, and the end they ask for
--                            (0 completed, 1 failed, 2 any)
--   open         hash        jobs with open parents: how many (4), how many ended unmet (4), the job's delay in ms (8)
--   p:0::<line>  sorted set  those jobs by due time

local COUNTS = '<I4I4i8'

local family, link, unlink, note_counts, prove_family, commit_family

do
  -- `open`: packed counts by child as they will be, false for none; `noted`: those of them that are to be written;
  -- `links` and `unlinks`: children to be added to a parent and to be taken away; `left`: places that may be empty now.
  function family(work)
    if not work.family then
      work.family = {open = {}, noted = {}, links = {}, unlinks = {}, left = {}}
    end
    return work.family
  end

  function link(work, parent, child, when)
    local links = family(work).links
    local children = links[parent]
    if children then
      children[#children + 1] = child
      children[#children + 1] = when
    else
      links[parent] = {child, when}
    end
  end

  -- Also undoes a link of this unit of work. One that is made afterwards counts.
  function unlink(work, parent, child)
    local noted = family(work)
    local linked = noted.links[parent] or {}
    for i = #linked - 1, 1, -2 do
      if linked[i] == child then
        table.remove(linked, i + 1)
        table.remove(linked, i)
      end
    end
    local gone = noted.unlinks[parent]
    if gone then
      gone[#gone + 1] = child
    else
      noted.unlinks[parent] = {child}
    end
  end

  function note_counts(work, id, packed)
    local noted = work.family
    noted.open[id], noted.noted[id] = packed, true
  end

  -- Most parents get their first child, whose key can have no wrong type.
  local function prove_links(links)
    local keys = {}
    for parent in pairs(links) do
      keys[#keys + 1] = base .. 'c:' .. parent
    end
    for first = 1, #keys, CHUNK do
      local last = math.min(first + CHUNK - 1, #keys)
      if call('EXISTS', unpack(keys, first, last)) > 0 then
        for i = first, last do
          prove('HLEN', keys[i])
        end
      end
    end
  end

  function prove_family(work)
    prove('HLEN', base .. 'open')
    prove('SCARD', base .. 'parks')
    prove_links(work.family.links)
  end

  local function commit_counts(noted)
    local add, remove = {}, {}
    for id in pairs(noted.noted) do
      local packed = noted.open[id]
      if packed then
        add[#add + 1] = id
        add[#add + 1] = packed
      else
        remove[#remove + 1] = id
      end
    end
    in_chunks('HDEL', base .. 'open', remove)
    in_chunks('HSET', base .. 'open', add)
  end

  function commit_family(work)
    local noted = work.family
    commit_counts(noted)
    for parent, children in pairs(noted.unlinks) do
      for _, child in ipairs(children) do
        redis.pcall('HDEL', base .. 'c:' .. parent, child) -- of a wrong type it has no such child
      end
    end
    for parent, children in pairs(noted.links) do
      if #children == 2 then
        call('HSET', base .. 'c:' .. parent, children[1], children[2])
      else
        in_chunks('HSET', base .. 'c:' .. parent, children)
      end
    end
    for place in pairs(noted.left) do
      if call('EXISTS', base .. 'p:' .. place) == 0 then
        call('SREM', base .. 'parks', place)
      end
    end
  end
end
