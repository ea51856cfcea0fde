#!lua flags=allow-oom
-- Give a claim of tasks back that was not asked about, so that somebody else asks at once.
--
-- Reads and writes  polling:<upstream>, poll:<upstream>
-- ARGV[1]           JSON {upstream, token, tasks}
-- Returns           1 if the claim still stood

local given = cjson.decode(ARGV[1])
local now = clock()
if redis.call('ZREM', P .. 'polling:' .. given.upstream, given.token) == 0 then return 0 end
local due = {}
for _, task in ipairs(given.tasks) do
  due[#due + 1] = now
  due[#due + 1] = task
end
if #due > 0 then redis.call('ZADD', P .. 'poll:' .. given.upstream, 'XX', unpack(due)) end
return 1
