#!lua flags=allow-oom
-- Forget an endpoint that is gone, unless something waits for it after all.
-- Needs hooks
--
-- Reads and writes  health:<endpoint>, slots:<endpoint>, endpoints, ready
-- ARGV              endpoint, when it was last configured at the latest
-- Returns           1 if it was forgotten

local endpoint, since = ARGV[1], tonumber(ARGV[2])
local key = P .. 'health:' .. endpoint
local seen = redis.call('ZSCORE', P .. 'endpoints', endpoint)
if seen and tonumber(seen) > since then return 0 end
if number(redis.call('HGET', key, 'pending')) > 0 then return 0 end
forget_endpoint(endpoint)
return 1
