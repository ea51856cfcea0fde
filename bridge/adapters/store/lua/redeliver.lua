-- Send an event to an endpoint again, out of order, in a lane of its own.
--
-- Reads and writes  event:<id>, lane:<endpoint>:~<id>, fresh:<endpoint>, health:<endpoint>,
--                   open, closed, endpoints, ready, wake:deliver
-- ARGV              event id, endpoint, at ('1' only if it is dead there)
-- Returns           {wake a deliverer?, queued | open | recent | unknown | skipped}
--
-- unknown: the event is not kept any more, or was never for this endpoint. open: it is on
-- its way already. recent: it was asked for and delivered a moment ago. Who asks twice gets
-- one.

local id, endpoint, dead_only = ARGV[1], ARGV[2], ARGV[3] == '1'
local now = clock()
local key = P .. 'event:' .. id
local state = redis.call('HGET', key, 'to:' .. endpoint)
if not state then return {0, 'unknown'} end
if state == 'pending' then return {0, 'open'} end
if state == 'delivered' and lately(redis.call('HGET', key, 'again:' .. endpoint), ASKED_TWICE, now) then
  return {0, 'recent'}
end
if dead_only and state ~= 'dead' then return {0, 'skipped'} end

redis.call('PERSIST', key)
redis.call('PERSIST', P .. 'attempts:' .. id)
redis.call('HSET', key, 'to:' .. endpoint, 'pending', 'again:' .. endpoint, now)
redis.call('HDEL', key, 'why:' .. endpoint)
redis.call('HINCRBY', key, 'open', 1)
redis.call('ZREM', P .. 'closed', id)
redis.call('ZREM', P .. 'dead:' .. endpoint, id)
redis.call('ZADD', P .. 'open', now, id)
expect(endpoint, 1)
redis.call('RPUSH', P .. 'lane:' .. endpoint .. ':~' .. id, id)
redis.call('ZADD', P .. 'fresh:' .. endpoint, now, '~' .. id)
finish(now)
return {wake('deliver'), 'queued'}
