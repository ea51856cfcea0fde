#!lua flags=allow-oom
-- Undo an action that is pending, and that nobody is about to send.
-- Needs actions
--
-- Reads and writes  action:<id>, actions:<cell>, and what `pop` does
-- ARGV              action, endpoint, retention
-- Returns           1 if it was undone

local id, endpoint, retention = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = clock()
local lane = action_lane(id)
if redis.call('HGET', P .. 'action:' .. id, 'state') ~= 'pending' then return 0 end
if redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane) then return 0 end
end_action(id, {state = 'cancelled', ended = true}, '', now)
pop(endpoint, lane, id, nil, 'superseded', retention, now)
finish(now)
return 1
