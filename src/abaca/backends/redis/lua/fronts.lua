-- Prelude: the lines of tenants, and which of their jobs stands in front. Jobs that name a tenant stand in three places:
--
--   m:<line>              sorted set  all of them, by due time; a member is the id and the tenant
--   n:<tenant>:<line>     sorted set  those of one tenant, by due time; the tenant has its length before it, and a colon
--   f:<line>              sorted set  the first of each tenant of which no pass is known, as in m:
--   a:<line>              sorted set  the first of each other tenant, by pass; a member is the due time as 8 bytes that
--                                     sort like the number, then the id and the tenant
--   o:<priority>|<queue>  sorted set  the passes, '=' and the tenant; and 'time' with the time itself
--   y:<priority>|<queue>  hash        '=' and a tenant: how many of its jobs are in these lines or parked out of them;
--                                     '' for the parked ones that name no tenant
--
-- A unit of work says whose lines it touches; the fronts follow from what the lines are before and after it.

local fronts = {}

do
  function fronts.line_key(tenant, text)
    return base .. 'n:' .. #tenant .. ':' .. tenant .. ':' .. text
  end

  function fronts.passes_key(priority, queue)
    return base .. 'o:' .. priority .. '|' .. queue
  end

  function fronts.counts_key(priority, queue)
    return base .. 'y:' .. priority .. '|' .. queue
  end

  -- The priority and the queue of a line.
  function fronts.group_of(text)
    return string.match(text, '^([^|]*)|[^|]*|(.*)$')
  end

  -- The tenant and the line's text in the name of a tenant's line.
  function fronts.tenant_of(name)
    local size = tonumber(string.match(name, '^n:(%d+):'))
    local at = #tostring(size) + 4
    return sub(name, at, at + size - 1), sub(name, at + size + 1)
  end

  -- The line of a tenant, whose front is looked at again when the unit of work is written.
  function fronts.touch(work, tenant, text)
    local key = fronts.line_key(tenant, text)
    local line = work.fronts[key]
    if not line then
      line = {
        key = key, tenant = tenant, text = text, passes = fronts.passes_key(fronts.group_of(text)),
        member = '=' .. tenant,
      }
      work.fronts[key] = line
    end
    return line
  end

  -- Counts jobs of a tenant that come to the ordinary lines and spots of a line's priority, or leave them; no tenant, no
  -- count.
  function fronts.count(work, info, tenant, change)
    if not tenant then
      return
    end
    info.counts = info.counts or fronts.counts_key(fronts.group_of(info.text))
    local counts = work.tenants[info.counts] or {}
    local member = tenant == '' and '' or '=' .. tenant
    work.tenants[info.counts], counts[member] = counts, (counts[member] or 0) + change
  end

  -- Due times may be negative.
  local SHIFT = 4503599627370496

  -- What a tenant's line has in front now: the sorted set, the member, and the score as text.
  function fronts.first(line)
    local head = call('ZRANGE', line.key, 0, 0, 'WITHSCORES')
    if not head[1] then
      return nil
    end
    local pass = call('ZSCORE', line.passes, line.member)
    if pass then
      return base .. 'a:' .. line.text, pack('>I8', tonumber(head[2]) + SHIFT) .. head[1] .. line.tenant, pass
    end
    return base .. 'f:' .. line.text, head[1] .. line.tenant, head[2]
  end

  -- The due time in a member of a:, and the rest of it.
  function fronts.read(member)
    return sunpack('>I8', member) - SHIFT, sub(member, 9)
  end

  -- Before the lines move.
  function fronts.retire(work)
    for _, line in pairs(part(work, 'fronts')) do
      line.old_set, line.old, line.old_score = fronts.first(line)
    end
  end

  -- After they have.
  function fronts.set(work)
    for _, line in pairs(part(work, 'fronts')) do
      local set, member, score = fronts.first(line)
      local same = set == line.old_set and member == line.old
      if line.old and not same then
        call('ZREM', line.old_set, line.old)
      end
      if member and not (same and score == line.old_score) then
        call('ZADD', set, score, member)
      end
    end
    for key, counts in pairs(part(work, 'tenants')) do
      for member, change in pairs(counts) do
        if change ~= 0 and call('HINCRBY', key, member, change) <= 0 then
          call('HDEL', key, member)
        end
      end
    end
  end

  function fronts.prove(work)
    for key, line in pairs(part(work, 'fronts')) do
      for _, name in ipairs({key, base .. 'f:' .. line.text, base .. 'a:' .. line.text, line.passes}) do
        prove('ZCARD', name)
      end
    end
    for key in pairs(part(work, 'tenants')) do
      prove('HLEN', key)
    end
  end
end
