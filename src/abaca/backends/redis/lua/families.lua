-- Prelude: what a unit of work notes of edges between jobs (edges.lua), and how that is written.
--
--   c:<id>       hash        the children of a job that have not ended themselves: id, and the end they ask for
--                            (0 completed, 1 failed, 2 any)
--   open         hash        jobs with open parents: how many (4), how many ended unmet (4), the job's delay in ms (8)
--   p:0::<line>  sorted set  those jobs by due time

local COUNTS = '<I4I4i8'

local family, link, note_counts, prove_family, commit_family

do
  -- Counts by child as they will be (false for none), which of them are to be written, children by parent to be written
  -- (false to take one away), and places that may be empty now.
  function family(work)
    if not work.family then
      work.family = {open = {}, noted = {}, links = {}, left = {}}
    end
    return work.family
  end

  function link(work, parent, child, when)
    local links = family(work).links
    if not links[parent] then
      links[parent] = {}
    end
    links[parent][child] = when
  end

  function note_counts(work, id, counts)
    local noted = family(work)
    noted.open[id], noted.noted[id] = counts, true
  end

  function prove_family(work)
    prove('HLEN', base .. 'open')
    prove('SCARD', base .. 'parks')
    for parent in pairs(work.family.links) do
      prove('HLEN', base .. 'c:' .. parent)
    end
  end

  local function commit_links(key, links)
    local add, remove = {}, {}
    for child, when in pairs(links) do
      if when then
        add[#add + 1] = child
        add[#add + 1] = when
      else
        remove[#remove + 1] = child
      end
    end
    in_chunks('HDEL', key, remove)
    in_chunks('HSET', key, add)
  end

  function commit_family(work)
    local noted, add, remove = work.family, {}, {}
    for id in pairs(noted.noted) do
      local counts = noted.open[id]
      if counts then
        add[#add + 1] = id
        add[#add + 1] = pack(COUNTS, counts[1], counts[2], counts[3])
      else
        remove[#remove + 1] = id
      end
    end
    in_chunks('HDEL', base .. 'open', remove)
    in_chunks('HSET', base .. 'open', add)
    for parent, links in pairs(noted.links) do
      commit_links(base .. 'c:' .. parent, links)
    end
    for place in pairs(noted.left) do
      if call('EXISTS', base .. 'p:' .. place) == 0 then
        call('SREM', base .. 'parks', place)
      end
    end
  end
end
