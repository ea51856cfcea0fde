#!lua flags=allow-oom
-- Forget what was kept long enough, a few hundred at a time.
--
-- Reads and writes  ended, tasks, task:<task>, told:<task>, closed, events, ready, endpoints
-- ARGV              retention, most
-- Returns           how many were forgotten
--
-- The events themselves expire by their key's own clock; this removes their traces. It
-- also arms every endpoint, so that a lease which ran out is noticed wherever it is.

local retention, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()
local forgotten = 0
for _, task in ipairs(redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', now - retention, 'LIMIT', 0, most)) do
  redis.call('DEL', P .. 'task:' .. task, P .. 'told:' .. task)
  redis.call('ZREM', P .. 'tasks', task)
  redis.call('ZREM', P .. 'ended', task)
  forgotten = forgotten + 1
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', now, 'LIMIT', 0, most)) do
  redis.call('DEL', P .. 'event:' .. id, P .. 'attempts:' .. id)
  redis.call('ZREM', P .. 'events', id)
  redis.call('ZREM', P .. 'closed', id)
  forgotten = forgotten + 1
end
for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do arm(endpoint, now) end
return forgotten
