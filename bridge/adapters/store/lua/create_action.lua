-- Write an action down, to be made as soon as its delay is over.
-- Needs actions, reading
--
-- Reads and writes  what `create_action` does, health:<endpoint>, endpoints, ready, settled,
--                   wakeups:deliver
-- ARGV[1]           JSON, see `create_action`
-- Returns           {what `read_action` does, 1 if it is new}; {false, 0} if its round is over

local given = cjson.decode(ARGV[1])
local now = clock()
local is_new = create_action(given, now)
if is_new == nil then return {false, 0} end
if is_new then
  finish(now)
  if given.delay <= 0 then wake('deliver') end
end
return {read_action(given.id), is_new and 1 or 0}
