-- unhold: a held claim ends. What was handed to it before has been sent already.
-- KEYS  1 the partition
-- ARGV  1 clock; 2 the want, as in exchange
-- answer  nothing
-- flags: allow-oom

drop_waiter(read_want(ARGV[2]))
