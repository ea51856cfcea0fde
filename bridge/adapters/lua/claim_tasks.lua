-- Claim a batch of due tasks of an upstream, within its limits over all workers.
--
-- Reads and writes  poll:<upstream>, polling:<upstream>, upstream:<upstream>
-- Reads             task:<task>, full
-- ARGV              upstream, token, batch size, concurrency, tokens a second, burst, lease
-- Returns           {now, clock, failures, unhealthy since or '', {{task, field, ...}, ...}}
--
-- The lease is the task's score in poll:<upstream>: if it is never recorded, the task
-- comes due again when the lease ends. Not to be repeated by a client that lost the
-- answer: that would hide a second batch.

local upstream, token = ARGV[1], ARGV[2]
local size, concurrency = tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, burst, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = clock()
local key, due, polling = P .. 'upstream:' .. upstream, P .. 'poll:' .. upstream, P .. 'polling:' .. upstream
local held = fields(key, 'failures', 'hold_until', 'unhealthy_since', 'clock', 'tokens', 'tokens_at')
local nothing = {tostring(now), held.clock or '0', held.failures or '0', held.unhealthy_since or '', {}}

redis.call('ZREMRANGEBYSCORE', polling, '-inf', now)
redis.call('ZREMRANGEBYSCORE', polling, now + LONGEST_LEASE, '+inf')
if number(held.failures) > 0 then concurrency = 1 end
local tokens = tokens_now(held, rate, burst, now)
if redis.call('EXISTS', P .. 'full') == 1 then return nothing end
if number(held.hold_until) > now or tokens < 1 then return nothing end
if redis.call('ZCARD', polling) >= concurrency then return nothing end

local tasks = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, size)
if #tasks == 0 then
  -- Left over from a clock that was set back: nothing else is due so far away.
  tasks = redis.call('ZRANGEBYSCORE', due, now + 86400, '+inf', 'LIMIT', 0, size)
end
if #tasks == 0 then return nothing end

redis.call('ZADD', polling, now + lease, token)
redis.call('HSET', key, 'tokens', tokens - 1, 'tokens_at', now)
local found, leases = {}, {}
for _, task in ipairs(tasks) do
  found[#found + 1] = {task, unpack(redis.call('HMGET', P .. 'task:' .. task, 'incarnation', 'version',
    'sequence', 'held', 'metadata', 'tracked_at', 'tracked_clock', 'misses', 'missed_clock'))}
  leases[#leases + 1] = now + lease
  leases[#leases + 1] = task
end
redis.call('ZADD', due, unpack(leases))
nothing[5] = found
return nothing
