#!lua flags=allow-oom
-- Stop to look at a task. What is queued for it is still delivered.
--
-- Reads and writes  task:<task>, ended, poll:<upstream>
-- ARGV              upstream, id, a new incarnation
-- Returns           1 if it was being looked at, 0 if not, -1 if it is not known
--
-- The new incarnation makes a look that is under way come to nothing.

local upstream, id, incarnation = ARGV[1], ARGV[2], ARGV[3]
local task = upstream .. ':' .. id
local key = P .. 'task:' .. task
local active = redis.call('HGET', key, 'active')
if not active then return -1 end
if active ~= '1' then return 0 end
redis.call('HSET', key, 'active', '0', 'incarnation', incarnation)
redis.call('ZREM', P .. 'poll:' .. upstream, task)
redis.call('ZADD', P .. 'ended', clock(), task)
return 1
