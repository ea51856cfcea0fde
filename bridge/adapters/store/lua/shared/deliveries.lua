-- Deliveries that begin and end.
-- Needs limits, cells, counting

local ATTEMPTS_KEPT = 50
-- Dead deliveries of an endpoint that stay in the lists.
local DEAD_KEPT = 100000
-- Steps of deliveries that can be read again.
local SETTLED_KEPT = 2000

-- What a script changes again and again is added up, and written once, by `finish`.
local pending, joined, touched, settled, died = {}, {}, {}, {}, {}
-- By endpoint: its health, if a script has read it and knows all changes since; and which of
-- its fields are to be written, once.
local healths, changed_fields = {}, {}

local function known_health(endpoint)
  if not healths[endpoint] then
    healths[endpoint] = health_of(endpoint)
    changed_fields[endpoint] = {}
  end
  return healths[endpoint]
end

-- Change fields of a health that is known; false removes one.
local function change(endpoint, values)
  local health, changed = healths[endpoint], changed_fields[endpoint]
  for name, value in pairs(values) do
    health[name] = value
    changed[name] = true
  end
end

-- Note that deliveries have come to an endpoint, or have come to their end.
local function expect(endpoint, by)
  pending[endpoint] = (pending[endpoint] or 0) + by
  local where = by > 0 and joined or touched
  where[endpoint] = true
end

-- Count what is pending at each endpoint.
local function write_pending(now)
  for endpoint, by in pairs(pending) do
    local total = by
    if by ~= 0 and healths[endpoint] then
      total = number(healths[endpoint].pending) + by
      change(endpoint, {pending = total})
    elseif by ~= 0 then
      total = redis.call('HINCRBY', P .. 'health:' .. endpoint, 'pending', by)
    end
    -- It may never have been configured where deliveries are made: the sweep has to know.
    if by > 0 and total == by then redis.call('ZADD', P .. 'endpoints', 'NX', now, endpoint) end
  end
end

local function write_healths()
  for endpoint, changed in pairs(changed_fields) do
    local health, row, gone = healths[endpoint], {}, {}
    for name in pairs(changed) do
      if health[name] then
        row[#row + 1] = name
        row[#row + 1] = health[name]
      else
        gone[#gone + 1] = name
      end
    end
    if #row > 0 then redis.call('HSET', P .. 'health:' .. endpoint, unpack(row)) end
    if #gone > 0 then redis.call('HDEL', P .. 'health:' .. endpoint, unpack(gone)) end
  end
end

-- Arm an endpoint that something has changed at. Where nothing is pending, nothing is in flight
-- either. Where nothing waits but what is in flight, it is ready when the first lease ended that
-- was known when the last was claimed: that is not too late.
local function arm_changed(endpoint, now)
  local health = healths[endpoint]
  if health and (holds(health) or number(health.pending) <= 0) then return ready_at(endpoint, nil, now) end
  local due = first_due(endpoint)
  if health and not due then return end
  ready_at(endpoint, next_time(endpoint, health or health_of(endpoint), now, {due = due}), now)
end

-- Arm the endpoints that something has changed at. If something has only come to one that is
-- ready by now, it stays that.
local function arm_touched(now)
  local names = {}
  for endpoint in pairs(joined) do names[#names + 1] = endpoint end
  if #names > 0 then
    for place, at in ipairs(redis.call('ZMSCORE', P .. 'ready', unpack(names))) do
      if not at or tonumber(at) > now then touched[names[place]] = true end
    end
  end
  for endpoint in pairs(touched) do arm_changed(endpoint, now) end
end

-- Write what was added up. Every script that may have changed lanes ends with it.
local function finish(now)
  for endpoint in pairs(entered_fresh) do write_fresh(endpoint) end
  write_counters(now)
  write_pending(now)
  write_healths()
  arm_touched(now)
  write_sets()
  for endpoint in pairs(died) do
    redis.call('ZREMRANGEBYRANK', P .. 'deliveries:' .. delivery_cell('dead', endpoint), 0, -DEAD_KEPT - 1)
  end
  if #settled > 0 then
    redis.call('XADD', P .. 'settled', 'MAXLEN', '~', SETTLED_KEPT, '*', unpack(settled))
  end
end

-- Move a delivery from one state to another in the lists.
local function change_state(id, endpoint, from, to, at)
  local row = delivery_row(id, endpoint)
  leave_cell('deliveries', delivery_cell(from, endpoint), row)
  enter_cell('deliveries', delivery_cell(to, endpoint), at, row)
  settled[#settled + 1] = row
  settled[#settled + 1] = to
end

-- One delivery of an event is over.
local function close(id, endpoint, state, retention, now)
  local key = P .. 'event:' .. id
  expect(endpoint, -1)
  local open, at = unpack(redis.call('HMGET', key, 'open', 'at'))
  if not open then
    return leave_cell('deliveries', delivery_cell('pending', endpoint), delivery_row(id, endpoint))
  end
  open = tonumber(open) - 1
  redis.call('HSET', key, 'to:' .. endpoint, state, 'open', open)
  change_state(id, endpoint, 'pending', state, at)
  if state == 'dead' then
    died[endpoint] = true
    count('dead:' .. label_of(endpoint))
  end
  if open <= 0 then
    put('open', false, id)
    put('closed', now + retention, id)
  end
end
