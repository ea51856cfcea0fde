#!lua flags=allow-oom
-- Write one of the strings that mark a fact: that a sweep ran, that memory is full, that
-- rules rest.
--
-- Reads and writes  heartbeat, full, rules:paused
-- ARGV              key, value or '' to remove it, seconds it is kept or 0 for ever
-- Returns           1
--
-- A plain SET is refused when memory is full, which is when they have to be written.

local key, value, seconds = P .. ARGV[1], ARGV[2], tonumber(ARGV[3])
if value == '' then
  redis.call('DEL', key)
elseif seconds > 0 then
  redis.call('SET', key, value, 'EX', seconds)
else
  redis.call('SET', key, value)
end
return 1
