-- Events, and who they go to.
-- Needs lanes

-- Events of a subject that it is remembered by.
local HISTORY_KEPT = 500
-- Events that can be read again, at least, beside the one that a reader stands at.
local FEED_KEPT = 10001

-- By id: that an event is known not to be there.
local absent = {}

-- Look at once whether any of several events is there. Hardly ever one is.
local function look_for(ids)
  local keys = {}
  for place, id in ipairs(ids) do keys[place] = P .. 'event:' .. id end
  if #keys == 0 or redis.call('EXISTS', unpack(keys)) > 0 then return end
  for _, id in ipairs(ids) do absent[id] = true end
end

-- Write an event and put it into the lanes of its recipients.
-- An event that is already there is not written again: same change, same id.
local function publish(event, endpoints, retention, now)
  local key, id = P .. 'event:' .. event.id, event.id
  if not absent[id] and redis.call('EXISTS', key) == 1 then return end
  absent[id] = nil
  local row = {'type', event.type, 'subject', event.subject, 'upstream', event.upstream, 'sequence', event.sequence,
    'at', event.at, 'body', event.body, 'open', #endpoints}
  if event.loss then
    row[#row + 1] = 'loss'
    row[#row + 1] = event.loss
  end
  if event.traceparent then
    row[#row + 1] = 'traceparent'
    row[#row + 1] = event.traceparent
  end
  for _, endpoint in ipairs(endpoints) do
    row[#row + 1] = 'to:' .. endpoint
    row[#row + 1] = 'pending'
  end
  redis.call('HSET', key, unpack(row))
  enter_cell('events', event_cell(event.upstream, event.type), event.at, id)
  redis.call('XADD', P .. 'feed', 'MAXLEN', '~', FEED_KEPT, '*', 'id', id)
  local history = P .. 'history:' .. event.subject
  if redis.call('RPUSH', history, id) > HISTORY_KEPT then redis.call('LPOP', history) end
  -- A task's is forgotten with the task. Nothing is tracked of an endpoint or an upstream.
  if string.sub(event.subject, 1, 1) == '@' then redis.call('EXPIRE', history, math.ceil(retention)) end
  count('events:' .. event.type)
  if #endpoints == 0 then
    put('closed', now + retention, id)
    return
  end
  put('open', now, id)
  keeping[id] = false
  for _, endpoint in ipairs(endpoints) do
    if endpoint == 'archive:' .. event.upstream then keeping[id] = true end
  end
  for _, endpoint in ipairs(endpoints) do
    enter_cell('deliveries', delivery_cell('pending', endpoint), event.at, delivery_row(id, endpoint))
    append(endpoint, event.subject, id, event.type, retention, now)
  end
end
