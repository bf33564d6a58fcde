-- put: compare-and-set small records, each on its own or all together. Those of a queue or a bucket may let jobs back into their lines.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 '1' for all or none, else ''; then for each: kind, id, fixed part (version expected 8, life in ms or -1, 8, delete 1), data
-- answer  one digit for each: 0 applied, 1 stale

local answers, changed_ones = {}, {}

local function version_of(key)
  local stored = call('GET', key)
  if stored then
    local version, ends = sunpack('<i8i8', stored)
    return (ends == 0 or now < ends) and version or 0
  end
  return 0
end

local is_stale = false
for i = 3, #ARGV, 4 do
  prove('ZCARD', base .. 'k:' .. ARGV[i])
  if ARGV[2] == '1' then
    local key = base .. 'r:' .. ARGV[i] .. ':' .. ARGV[i + 1]
    is_stale = is_stale or version_of(key) ~= sunpack('<i8', ARGV[i + 2])
  end
end
if is_stale then
  return string.rep('1', (#ARGV - 2) / 4)
end
for i = 3, #ARGV, 4 do
  local kind, id = ARGV[i], ARGV[i + 1]
  local wanted, life, delete = sunpack('<i8i8B', ARGV[i + 2])
  local key = base .. 'r:' .. kind .. ':' .. id
  local version = version_of(key)
  if version ~= wanted then
    answers[#answers + 1] = 1
  else
    answers[#answers + 1] = 0
    if kind == 'bucket' then
      settings.list_task(id, delete ~= 1)
    end
    if kind == 'queue' or kind == 'bucket' then
      changed_ones[#changed_ones + 1] = {kind, id}
    end
    if delete == 1 then
      call('DEL', key)
      call('ZREM', base .. 'k:' .. kind, id)
    else
      local ends = life >= 0 and now + life * 1000 or 0
      call('SET', key, pack('<i8i8i8', version + 1, ends, life) .. ARGV[i + 3])
      call('ZADD', base .. 'k:' .. kind, 0, id)
      -- The test clock judges by the stored end alone; the server's own clock must not run ahead of it.
      if life >= 0 and ARGV[1] == '' then
        call('PEXPIRE', key, math.max(life, 1))
      end
    end
  end
end
for _, one in ipairs(changed_ones) do
  settings_changed(one[1], one[2])
end
if #changed_ones > 0 then
  serve(new_work())
end
return table.concat(answers)
