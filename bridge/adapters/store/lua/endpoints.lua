#!lua flags=no-writes
-- Read what is known of all endpoints.
-- Needs counting
--
-- Reads     endpoints, health:<endpoint>, slots:<endpoint>, kept:click_error:<endpoint>, and the sizes of
--           deliveries:<state>:<endpoint>
-- Returns   the bounds of the buckets, and for each endpoint: name, its health, its slots, how
--           many deliveries are dead and delivered, when the oldest event that waits was seen,
--           when a worker last had it configured, and why its clicks could not be fetched

local bounds, found = {}, {}
for place, bound in ipairs(BOUNDS) do bounds[place] = tostring(bound) end
local known = redis.call('ZRANGE', P .. 'endpoints', 0, -1, 'WITHSCORES')
for place = 1, #known, 2 do
  local name = known[place]
  local cell = P .. 'deliveries:'
  local oldest = redis.call('ZRANGE', cell .. 'pending:' .. name, 0, 0, 'WITHSCORES')[2]
  found[#found + 1] = {name, redis.call('HGETALL', P .. 'health:' .. name),
    redis.call('HGETALL', P .. 'slots:' .. name), redis.call('ZCARD', cell .. 'dead:' .. name),
    redis.call('ZCARD', cell .. 'delivered:' .. name), oldest or false, known[place + 1],
    redis.call('GET', P .. 'kept:click_error:' .. name)}
end
return {bounds, found}
