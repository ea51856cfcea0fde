#!lua flags=allow-oom
-- Forget what was kept long enough, a few hundred at a time.
-- Needs limits, actions
--
-- Reads and writes  ended, task:<task>, tasks:<cell>, history:<task>, presses: rounds:<task>, closed,
--                   event:<id>, attempts:<id>, action:<id>, actions:<cell>, events:<cell>,
--                   deliveries:<cell>, cells:<list>, ready, endpoints, hooks, and what `leave_origin` does
-- ARGV              retention, most
-- Returns           how many were examined
--
-- It also arms every endpoint, so that a lease which ran out is noticed wherever it is.

-- Seconds after which a task is examined again whose events are still kept, and an action whose
-- task is.
local EXAMINE_AGAIN = 3600

local retention, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()

-- Whether an action has to be found by whoever asks for it once more: it was made, or nobody
-- knows, and the task with the button is still there.
local function may_be_asked_for(id)
  local row = fields(P .. 'action:' .. id, 'state', 'task')
  if not row.task or row.state == 'refused' or row.state == 'cancelled' then return false end
  return redis.call('EXISTS', P .. 'task:' .. row.task) == 1
end

local function forget_event(id)
  if may_be_asked_for(id) then return put('closed', now + EXAMINE_AGAIN, id) end
  local key = P .. 'event:' .. id
  local kind, upstream
  local row = redis.call('HGETALL', key)
  for place = 1, #row, 2 do
    local name, value = row[place], row[place + 1]
    local endpoint = string.match(name, '^to:(.*)$')
    if endpoint then
      leave_cell('deliveries', delivery_cell(value, endpoint), delivery_row(id, endpoint))
    elseif name == 'type' then
      kind = value
    elseif name == 'upstream' then
      upstream = value
    end
  end
  if kind == 'action' then
    forget_action(id)
  elseif kind then
    leave_cell('events', event_cell(upstream, kind), id)
  end
  redis.call('DEL', key, P .. 'attempts:' .. id)
  put('closed', false, id)
end

local function forget_task(task)
  local newest = redis.call('LINDEX', P .. 'history:' .. task, -1)
  if newest and redis.call('EXISTS', P .. 'event:' .. newest) == 1 then
    -- Tracked anew, it would count its events from 1 again, and make ids that are in use.
    return put('ended', now - retention + EXAMINE_AGAIN, task)
  end
  local row = fields(P .. 'task:' .. task, 'status', 'hook_at')
  leave_cell('tasks', task_cell(string.match(task, '^[^:]*'), row.status, '0'), task)
  if row.hook_at then leave_origin(row.hook_at) end
  redis.call('DEL', P .. 'task:' .. task, P .. 'history:' .. task, P .. 'presses:' .. task, P .. 'rounds:' .. task)
  put('ended', false, task)
end

local events = redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(events) do forget_event(id) end
local tasks = redis.call('ZRANGEBYSCORE', P .. 'ended', '-inf', now - retention, 'LIMIT', 0, most)
for _, task in ipairs(tasks) do forget_task(task) end
write_sets()

if #events < most and #tasks < most then
  for _, list in ipairs({'tasks', 'events', 'deliveries', 'actions'}) do
    for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:' .. list)) do
      if redis.call('EXISTS', P .. list .. ':' .. cell) == 0 then redis.call('SREM', P .. 'cells:' .. list, cell) end
    end
  end
end
for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
  reset_clock(P .. 'health:' .. endpoint, fields(P .. 'health:' .. endpoint, 'tokens_at'), now)
  arm(endpoint, now)
end
write_sets()
return #events + #tasks
