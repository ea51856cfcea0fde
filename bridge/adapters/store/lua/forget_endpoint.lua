#!lua flags=allow-oom
-- Forget an endpoint that is gone, unless something waits for it after all.
--
-- Reads and writes  health:<endpoint>, endpoints, ready
-- ARGV              endpoint, when it was last configured at the latest
-- Returns           1 if it was forgotten

local endpoint, since = ARGV[1], tonumber(ARGV[2])
local key = P .. 'health:' .. endpoint
local seen = redis.call('ZSCORE', P .. 'endpoints', endpoint)
if seen and tonumber(seen) > since then return 0 end
if number(redis.call('HGET', key, 'pending')) > 0 then return 0 end
redis.call('ZREM', P .. 'endpoints', endpoint)
redis.call('ZREM', P .. 'ready', endpoint)
redis.call('DEL', key)
return 1
