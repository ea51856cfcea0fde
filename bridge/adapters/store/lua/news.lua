#!lua flags=no-writes
-- Read the events after a position of the feed.
-- Needs reading
--
-- Reads     feed, event:<id>
-- ARGV      the position, how many at most
-- Returns   {where to go on, 1 if something may be missing, the position and the fields of each event}
--
-- Something may be missing if the entry at the position was trimmed away, or if the position
-- is ahead of the newest: then this is another store, or one that has lost its end.

local position, most = ARGV[1], tonumber(ARGV[2])
local feed = P .. 'feed'

local function parts(id)
  local time, sequence = string.match(id, '^(%d+)-(%d+)$')
  -- Twenty digits may be more than the server takes.
  if not time or #time > 19 or #sequence > 19 then return end
  return tonumber(time), tonumber(sequence)
end

local function is_before(one, other)
  local time, sequence = parts(one)
  local other_time, other_sequence = parts(other)
  return time < other_time or (time == other_time and sequence < other_sequence)
end

local function facts_of_feed()
  local reply = redis.call('XINFO', 'STREAM', feed)
  local facts = {}
  for place = 1, #reply, 2 do facts[reply[place]] = reply[place + 1] end
  return facts['last-generated-id'], facts['entries-added'] > facts['length'], facts['first-entry'][1]
end

local newest, trimmed, oldest = '0-0', false, nil
if redis.call('EXISTS', feed) == 1 then newest, trimmed, oldest = facts_of_feed() end
if not parts(position) or is_before(newest, position) or (trimmed and is_before(position, oldest)) then
  return {newest, 1, {}}
end
local events = {}
for _, entry in ipairs(redis.call('XRANGE', feed, '(' .. position, '+', 'COUNT', most)) do
  position = entry[1]
  local event = read_event(entry[2][2])
  if event then events[#events + 1] = {position, event[1]} end
end
return {position, 0, events}
