#!lua flags=no-writes
-- Read which tasks are not known.
--
-- Reads     task:<task>
-- ARGV      tasks
-- Returns   those that are not

local unknown = {}
for _, task in ipairs(ARGV) do
  if redis.call('EXISTS', P .. 'task:' .. task) == 0 then unknown[#unknown + 1] = task end
end
return unknown
