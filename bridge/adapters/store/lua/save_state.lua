#!lua flags=allow-oom
-- Save a channel's state of a subject, in the middle of an attempt.
--
-- Reads             head:<endpoint>:<lane>
-- Reads and writes  state:<endpoint>:<subject>
-- ARGV              endpoint, lane, token, subject, the state (JSON text), retention
-- Returns           1 if it was saved, 0 if the claim was lost in the meantime

local endpoint, lane, token, subject = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', P .. 'head:' .. endpoint .. ':' .. lane, 'token') ~= token then return 0 end
local key = P .. 'state:' .. endpoint .. ':' .. subject
redis.call('HSET', key, 'data', ARGV[5])
redis.call('EXPIRE', key, math.ceil(tonumber(ARGV[6])))
return 1
