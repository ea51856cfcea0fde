#!lua flags=allow-oom
-- Put deliveries back that are open and have lost their place in a lane, or whose lane has lost its
-- own: somebody has deleted it, the store has evicted it, or half a backup was restored.
-- Needs lanes
--
-- Reads and writes  lane: head:<endpoint>:<lane>, fresh: retry: edits: health:<endpoint>, suspects,
--                   open, and what `close` does
-- Reads             event:<id>, history:<subject>, woken: flight:<endpoint>
-- ARGV              retention, how many events to pass over, most
-- Returns           how many events were examined, and how many deliveries were put back
--
-- The oldest events are examined first, so that those of a lane come back in their order; behind
-- what has come to it since.

local retention, from, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now, restored = clock(), 0

-- By the key of a lane: the events that are in it.
local lanes = {}

-- Whether an event is in a lane. Each is read once: to look for one in a lane of thousands takes
-- as long as to read it.
local function is_queued(key, id)
  if not lanes[key] then
    lanes[key] = {}
    for _, one in ipairs(redis.call('LRANGE', key, 0, -1)) do lanes[key][one] = true end
  end
  return lanes[key][id]
end

local function has_place(endpoint, lane)
  for _, where in ipairs(PLACES) do
    if redis.call('ZSCORE', P .. where .. endpoint, lane) then return true end
  end
  return redis.call('ZSCORE', P .. 'suspects', endpoint .. '|' .. lane)
end

-- Put an event back into its lane, behind what is there by now.
local function rejoin(endpoint, lane, id)
  local length = redis.call('RPUSH', P .. 'lane:' .. endpoint .. ':' .. lane, id)
  -- What is known of a head was about another one, unless it is under way.
  if length == 1 and not has_place(endpoint, lane) then redis.call('DEL', P .. 'head:' .. endpoint .. ':' .. lane) end
end

local function examine(id, endpoint, event)
  -- Actions and redeliveries have lanes of their own.
  local own = is_upstream(endpoint) or event['again:' .. endpoint]
  local lane = own and '~' .. id or event.subject
  local queued = is_queued(P .. 'lane:' .. endpoint .. ':' .. lane, id)
  if queued and has_place(endpoint, lane) then return end
  restored = restored + 1
  touched[endpoint] = true
  -- What is over is not to be seen again in the place of what came after it.
  if not queued and not own and is_passing(endpoint, event.type)
    and redis.call('LINDEX', P .. 'history:' .. event.subject, -1) ~= id then
    return close(id, endpoint, 'superseded', retention, now)
  end
  if not queued then rejoin(endpoint, lane, id) end
  if not has_place(endpoint, lane) then place(endpoint, lane, now) end
end

local events = redis.call('ZRANGE', P .. 'open', from, from + most - 1)
for _, id in ipairs(events) do
  local event, to, row = {}, {}, redis.call('HGETALL', P .. 'event:' .. id)
  for field = 1, #row, 2 do
    local name, value = row[field], row[field + 1]
    event[name] = value
    to[#to + 1] = value == 'pending' and string.match(name, '^to:(.*)$') or nil
  end
  -- One that is gone cannot be sent. Where it waits, its lane lets go of it.
  if not event.subject then put('open', false, id) end
  for _, endpoint in ipairs(to) do examine(id, endpoint, event) end
end
finish(now)
if restored > 0 then wake('deliver') end
return {#events, restored}
