#!lua flags=allow-oom
-- Note the task that waits for the prompt of an action, before that is sent.
--
-- Reads             head:<endpoint>:<lane>
-- Writes            action:<id>
-- ARGV              action, endpoint, lane, token of the claim, the task's id
-- Returns           1 if it was noted, 0 if the claim was lost

if redis.call('HGET', P .. 'head:' .. ARGV[2] .. ':' .. ARGV[3], 'token') ~= ARGV[4] then return 0 end
redis.call('HSET', P .. 'action:' .. ARGV[1], 'modal', ARGV[5])
return 1
