-- Claim a batch of due tasks of an upstream, within its limits over all workers.
--
-- Reads and writes  poll:<upstream>, polling:<upstream>, upstream:<upstream>
-- Reads             task:<task>, full
-- ARGV              upstream, token, batch size, concurrency, tokens a second, burst, lease
-- Returns           {now, clock, failures, told that it is unhealthy?, failing since or 0,
--                   {{task, field, ...}, ...}, seconds until a batch may be claimed}
--
-- The seconds are '' after a claim, and where time alone changes nothing: no task is
-- looked at, or all places are taken.
--
-- The lease is the task's score in poll:<upstream>: if it is never recorded, the task
-- comes due again when the lease ends. Not to be repeated by a client that lost the
-- answer: that would hide a second batch.

local upstream, token = ARGV[1], ARGV[2]
local size, concurrency = tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, burst, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = clock()
local key, due, polling = P .. 'upstream:' .. upstream, P .. 'poll:' .. upstream, P .. 'polling:' .. upstream
local held = fields(key, 'failures', 'failing_since', 'hold_until', 'unhealthy_since', 'clock', 'tokens',
  'tokens_at', 'longest', 'step')
local answer = {string.format('%.6f', now), held.clock or '0', held.failures or '0',
  held.unhealthy_since and 1 or 0, held.failing_since or '0', {}, ''}

redis.call('ZREMRANGEBYSCORE', polling, '-inf', now)
redis.call('ZREMRANGEBYSCORE', polling, now + LONGEST_POLL, '+inf')
if number(held.failures) > 0 then concurrency = 1 end
reset_clock(key, held, now)
local tokens = tokens_now(held, rate, burst, now)
local hold = wait_end(held.hold_until, math.max(LONGEST_WAIT + 1, number(held.step)), now)
if redis.call('EXISTS', P .. 'full') == 1 then return answer end
if redis.call('ZCARD', polling) >= concurrency then return answer end
local first = first_score(due)
if not first then return answer end
local allowed = math.max(hold, tokens < 1 and now + (1 - tokens) / rate or now)
local next_at = first <= now and allowed or math.max(allowed, first + GATHER)
answer[7] = string.format('%.6f', math.max(0, next_at - now))
if allowed > now then return answer end

local tasks = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, size)
if #tasks == 0 then
  -- Left over from a clock that was set back: nothing else is due so far away.
  local furthest = now + 2 * math.max(LONGEST_WAIT, number(held.longest))
  tasks = redis.call('ZRANGEBYSCORE', due, furthest, '+inf', 'LIMIT', 0, size)
end

local found, leases = {}, {}
for _, task in ipairs(tasks) do
  local row = redis.call('HMGET', P .. 'task:' .. task, 'incarnation', 'version', 'sequence', 'held',
    'metadata', 'tracked_at', 'tracked_clock', 'misses', 'missed_clock')
  if row[1] then
    found[#found + 1] = {task, unpack(row)}
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = task
  else
    redis.call('ZREM', due, task)
  end
end
if #found == 0 then return answer end

redis.call('ZADD', due, unpack(leases))
redis.call('ZADD', polling, now + lease, token)
redis.call('HSET', key, 'tokens', tokens - 1, 'tokens_at', now)
answer[6], answer[7] = found, ''
return answer
