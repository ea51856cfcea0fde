-- Tasks, events, deliveries and actions, as people read them.
-- Needs limits

local holding = {}

-- Whether an endpoint holds what it has.
local function is_holding(endpoint)
  if holding[endpoint] == nil then
    local health = fields(P .. 'health:' .. endpoint, 'paused', 'disabled', 'unconfigured')
    holding[endpoint] = holds(health) and true or false
  end
  return holding[endpoint]
end

-- A delivery's state; what is pending where the endpoint holds what it has is held.
local function shown_state(state, endpoint)
  return state == 'pending' and is_holding(endpoint) and 'held' or state
end

-- An event: its fields, its deliveries as endpoint, state and reason, and its attempts if
-- they are wanted; nil if it is not kept.
local function read_event(id, with_attempts)
  local row = redis.call('HGETALL', P .. 'event:' .. id)
  if #row == 0 then return nil end
  local event, deliveries, reasons = {'id', id}, {}, {}
  for place = 1, #row, 2 do
    local name, value = row[place], row[place + 1]
    local what, endpoint = string.match(name, '^(%l+):(.*)$')
    if what == 'to' then
      deliveries[#deliveries + 1] = {endpoint, shown_state(value, endpoint), false}
    elseif what == 'why' then
      reasons[endpoint] = value
    elseif not what then
      event[#event + 1] = name
      event[#event + 1] = value
    end
  end
  for _, delivery in ipairs(deliveries) do delivery[3] = reasons[delivery[1]] or false end
  return {event, deliveries, with_attempts and redis.call('LRANGE', P .. 'attempts:' .. id, 0, -1) or {}}
end

local TASK = {'active', 'status', 'sequence', 'tracked_at', 'metadata', 'snapshot', 'seen_at', 'hook_refused',
  'archived', 'parent', 'root', 'action', 'by', 'depth'}

-- A task: its name, when it is polled next, and its fields.
local function read_task(task)
  local upstream = string.match(task, '^[^:]*')
  local row = task_row(task, unpack(TASK))
  return {task, redis.call('ZSCORE', P .. 'poll:' .. upstream, task), unpack(row)}
end

local ACTION_ROW = {'kind', 'upstream', 'task', 'custom_id', 'label', 'state', 'child', 'code', 'reason', 'by',
  'created_at', 'sent_at', 'ended_at'}

-- An action: its id and its fields; nil if it is not kept.
local function read_action(id)
  local row = redis.call('HMGET', P .. 'action:' .. id, unpack(ACTION_ROW))
  return row[1] and {id, unpack(row, 1, #ACTION_ROW)} or nil
end
