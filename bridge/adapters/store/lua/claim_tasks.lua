-- Claim a batch of due tasks of an upstream, within its limits over all workers.
--
-- Reads and writes  poll:<upstream>, polling:<upstream>, upstream:<upstream>
-- Reads             task:<task>, full
-- ARGV              upstream, token, batch size, concurrency, tokens a second, burst, lease
-- Returns           now, clock, failures, unhealthy_since, failing_since, next_in, columns and
--                   tasks, each with its name before it; columns name the values of a task
--
-- next_in: seconds until a batch may be claimed; nil after a claim, and where time alone
-- changes nothing: no task is polled, or all places are taken.
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
local FIELDS = {'incarnation', 'version', 'sequence', 'held', 'metadata', 'tracked_at', 'tracked_clock',
  'misses', 'missed_clock'}
local COLUMNS = {'task', unpack(FIELDS)}

local function reply(tasks, next_in)
  return {'now', string.format('%.6f', now), 'clock', held.clock, 'failures', held.failures,
    'unhealthy_since', held.unhealthy_since, 'failing_since', held.failing_since,
    'next_in', next_in and string.format('%.6f', next_in), 'columns', COLUMNS, 'tasks', tasks}
end

redis.call('ZREMRANGEBYSCORE', polling, '-inf', now)
redis.call('ZREMRANGEBYSCORE', polling, now + LONGEST_POLL, '+inf')
if number(held.failures) > 0 then concurrency = 1 end
reset_clock(key, held, now)
local tokens = tokens_now(held, rate, burst, now)
local hold = wait_end(held.hold_until, math.max(LONGEST_WAIT + 1, number(held.step)), now)
if redis.call('EXISTS', P .. 'full') == 1 then return reply({}, false) end
if redis.call('ZCARD', polling) >= concurrency then return reply({}, false) end
local first = first_score(due)
if not first then return reply({}, false) end
local allowed = math.max(hold, tokens < 1 and now + (1 - tokens) / rate or now)
local next_at = first <= now and allowed or math.max(allowed, first + GATHER)
local next_in = math.max(0, next_at - now)
if allowed > now then return reply({}, next_in) end

local tasks = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, size)
if #tasks == 0 then
  -- Left over from a clock that was set back: nothing else is due so far away.
  local furthest = now + 2 * math.max(LONGEST_WAIT, number(held.longest))
  tasks = redis.call('ZRANGEBYSCORE', due, furthest, '+inf', 'LIMIT', 0, size)
end

local found, leases = {}, {}
for _, task in ipairs(tasks) do
  local row = redis.call('HMGET', P .. 'task:' .. task, unpack(FIELDS))
  if row[1] then
    found[#found + 1] = {task, unpack(row)}
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = task
  else
    redis.call('ZREM', due, task)
  end
end
if #found == 0 then return reply({}, next_in) end

redis.call('ZADD', due, unpack(leases))
redis.call('ZADD', polling, now + lease, token)
redis.call('HSET', key, 'tokens', tokens - 1, 'tokens_at', now)
return reply(found, false)
