#!lua flags=allow-oom
-- Forget what was kept long enough, a few hundred at a time.
--
-- Reads and writes  ended, tasks, task:<task>, told:<task>, closed, events, ready, endpoints
-- ARGV              retention, most
-- Returns           how many were looked at
--
-- The events themselves expire by their key's own clock; this removes their traces. It
-- also arms every endpoint, so that a lease which ran out is noticed wherever it is.

-- Seconds after which a task is looked at again whose events are still kept.
local LOOK_AGAIN = 3600

local retention, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()
local forgotten = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', now, 'LIMIT', 0, most)) do
  redis.call('DEL', P .. 'event:' .. id, P .. 'attempts:' .. id)
  redis.call('ZREM', P .. 'events', id)
  redis.call('ZREM', P .. 'closed', id)
  forgotten = forgotten + 1
end
for _, task in ipairs(redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', now - retention, 'LIMIT', 0, most)) do
  local newest = redis.call('LINDEX', P .. 'told:' .. task, -1)
  if newest and redis.call('EXISTS', P .. 'event:' .. newest) == 1 then
    -- Tracked anew, it would count its events from 1 again, and make ids that are in use.
    redis.call('ZADD', P .. 'ended', now - retention + LOOK_AGAIN, task)
  else
    redis.call('DEL', P .. 'task:' .. task, P .. 'told:' .. task)
    redis.call('ZREM', P .. 'tasks', task)
    redis.call('ZREM', P .. 'ended', task)
  end
  forgotten = forgotten + 1
end
for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
  reset_clock(P .. 'health:' .. endpoint, fields(P .. 'health:' .. endpoint, 'tokens_at'), now)
  arm(endpoint, now)
end
return forgotten
