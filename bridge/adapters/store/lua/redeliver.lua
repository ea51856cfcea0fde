-- Send events again, out of order, each in a lane of its own.
-- Needs deliveries, requests
--
-- Reads and writes  event:<id>, lane:<endpoint>:~<id>, fresh:<endpoint>, health:<endpoint>,
--                   deliveries:<cell>, open, closed, endpoints, ready, settled, wakeups:deliver,
--                   request:<name>
-- ARGV[1]           JSON {deliveries ([event id, endpoint] each), dead_only, request (a request's
--                   name, or empty), part}
-- Returns           for each queued | open | recent | unknown | skipped
--
-- unknown: the event is not kept any more, was never for this endpoint, or is an action: those
-- are made once. open: it is on its way already. recent: it was asked for and delivered a moment
-- ago, so that asking twice sends once.

-- A redelivery that is asked for again within so long was asked for twice.
local ASKED_TWICE = 30

local given = cjson.decode(ARGV[1])
local now = clock()

local function redeliver(id, endpoint)
  local key = P .. 'event:' .. id
  local event = fields(key, 'to:' .. endpoint, 'at')
  local state = event['to:' .. endpoint]
  if not state or is_upstream(endpoint) then return 'unknown' end
  if state == 'pending' then return 'open' end
  if state == 'delivered' and lately(redis.call('HGET', key, 'again:' .. endpoint), ASKED_TWICE, now) then
    return 'recent'
  end
  if given.dead_only and state ~= 'dead' then return 'skipped' end

  redis.call('HSET', key, 'to:' .. endpoint, 'pending', 'again:' .. endpoint, now)
  redis.call('HDEL', key, 'why:' .. endpoint)
  redis.call('HINCRBY', key, 'open', 1)
  put('closed', false, id)
  put('open', now, id)
  change_state(id, endpoint, state, 'pending', event.at)
  expect(endpoint, 1)
  redis.call('RPUSH', P .. 'lane:' .. endpoint .. ':~' .. id, id)
  redis.call('ZADD', P .. 'fresh:' .. endpoint, now, '~' .. id)
  return 'queued'
end

return once(given.request, given.part, function()
  local results, queued = {}, 0
  for place, delivery in ipairs(given.deliveries) do
    results[place] = redeliver(delivery[1], delivery[2])
    if results[place] == 'queued' then queued = queued + 1 end
  end
  if queued == 0 then return results end
  finish(now)
  count_for(given.request, 'queued', queued)
  wake('deliver')
  return results
end)
