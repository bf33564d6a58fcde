-- sign_off: remove a worker's card.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 worker's id
-- answer  nothing
-- flags: allow-oom

prove('HLEN', base .. 'cards')
call('ZREM', base .. 'seen', ARGV[2])
call('HDEL', base .. 'cards', ARGV[2])
