#!lua flags=no-writes
-- Read events with their deliveries and attempts: one, or the newest of a subject.
-- Needs reading
--
-- Reads     history:<subject>, event:<id>, attempts:<id>, health:<endpoint>
-- ARGV      "id" and an event's id; or "subject", one, and how many
-- Returns   for each, the oldest first: its fields, {endpoint, state, reason} of its deliveries, and
--           its attempts

local ids = {ARGV[2]}
if ARGV[1] == 'subject' then ids = redis.call('LRANGE', P .. 'history:' .. ARGV[2], -tonumber(ARGV[3]), -1) end
local found = {}
for _, id in ipairs(ids) do found[#found + 1] = read_event(id, true) end
return found
