-- Note how a claim's request ended, and free its place.
--
-- Reads and writes  upstream:<upstream>, polling:<upstream>, poll:<upstream>, and what `tell` does
-- ARGV[1]           JSON {upstream, token, claimed_at, retention, tasks, hold?, reason?,
--                   announce?, event?, endpoints?}
-- Returns           {wake a deliverer?, told?}
--
-- hold: the answer was not valid; leave the upstream alone for so long. Failures of
-- requests that were under way side by side count as one. announce: this failure, or
-- recovery, is to be told by the event, unless it was.

local given = cjson.decode(ARGV[1])
local now = clock()
local key = P .. 'upstream:' .. given.upstream
local held = fields(key, 'failures', 'failed_at', 'hold_until', 'unhealthy_since', 'clock', 'answered_at')
local told = false
local placed = redis.call('ZREM', P .. 'polling:' .. given.upstream, given.token) == 1

if given.hold then
  count('polls:' .. given.upstream .. ':' .. (given.outcome or 'failed'))
  if placed and given.claimed_at >= number(held.failed_at) then
    redis.call('HINCRBY', key, 'failures', 1)
    if number(held.failures) == 0 then redis.call('HSET', key, 'failing_since', now) end
  end
  redis.call('HSET', key, 'failed_at', now, 'reason', given.reason or '', 'answered_at', now,
    'hold_until', math.max(number(held.hold_until), now + given.hold))
  local due = {}
  for _, task in ipairs(given.tasks) do
    due[#due + 1] = now + given.hold
    due[#due + 1] = task
  end
  if #due > 0 then redis.call('ZADD', P .. 'poll:' .. given.upstream, 'XX', unpack(due)) end
  if given.announce and not held.unhealthy_since then
    redis.call('HSET', key, 'unhealthy_since', given.since)
    told = true
  end
else
  count('polls:' .. given.upstream .. ':ok')
  if not held.unhealthy_since and held.answered_at then
    local elapsed = math.max(0, now - number(held.answered_at))
    redis.call('HINCRBYFLOAT', key, 'clock', string.format('%.6f', math.min(elapsed, 120)))
  end
  redis.call('HSET', key, 'failures', 0, 'answered_at', now, 'hold_until', 0)
  redis.call('HDEL', key, 'reason', 'failing_since')
  if held.unhealthy_since then
    redis.call('HDEL', key, 'unhealthy_since')
    told = true
  end
end

if told and given.event then
  tell(given.event, given.endpoints, given.retention, now)
  return {wake('deliver'), 1}
end
return {0, told and 1 or 0}
