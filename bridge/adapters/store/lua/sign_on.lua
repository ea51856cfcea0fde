#!lua flags=allow-oom
-- Note that a worker is there for some queues, with a configuration.
--
-- Reads and writes  workers
-- Reads             heartbeat
-- ARGV              digest of the configuration, queues
-- Returns           the clock, the heartbeat, and when a worker with another configuration was there
--                   last; '' for what never was

-- Seconds for which what was noted is news enough, and for which one that is gone is remembered,
-- where others are there for its queue.
local NEWS, REMEMBERED = 4, 3600

local now, digest = clock(), ARGV[1]
local key, ours = P .. 'workers', {}
-- They were noted before the clock was set back.
redis.call('ZREMRANGEBYSCORE', key, string.format('(%.6f', now), '+inf')
for place = 2, #ARGV do
  local member = ARGV[place] .. '|' .. digest
  ours[ARGV[place]] = true
  local at = redis.call('ZSCORE', key, member)
  if now - number(at) >= NEWS then redis.call('ZADD', key, string.format('%.6f', now), member) end
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now - REMEMBERED)) do
  if ours[string.match(member, '^[^|]*')] then redis.call('ZREM', key, member) end
end

local others = ''
local noted = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
for place = 1, #noted, 2 do
  if string.match(noted[place], '[^|]*$') ~= digest then others = noted[place + 1] end
end
return {string.format('%.6f', now), redis.call('GET', P .. 'heartbeat') or '', others}
