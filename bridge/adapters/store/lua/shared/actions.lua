-- Actions: presses and submissions. Each is a delivery to the endpoint of its upstream, in a
-- lane of its own, and is never queued a second time by anything but somebody who asks.
-- Needs lanes, tracking

-- What may be pressed again is another press so many seconds after the last one has ended.
local NEXT_ROUND = 30
-- Presses of a task that are listed with it.
local PRESSES_KEPT = 500

local function action_lane(id)
  return '~' .. id
end

-- Let an action stand otherwise. change: state, and what else is to be set; false is removed.
local function change_action(id, row, change)
  local key = P .. 'action:' .. id
  if change.state ~= row.state then
    leave_cell('actions', action_cell(row.upstream, row.state), id)
    enter_cell('actions', action_cell(row.upstream, change.state), row.created_at, id)
    row.state = change.state
  end
  for name, value in pairs(change) do
    if value then redis.call('HSET', key, name, value) else redis.call('HDEL', key, name) end
  end
end

-- The round that a press of a button belongs to, and the action that it is if there is one.
local function round_of(task, custom_id, now)
  local kept = redis.call('HGET', P .. 'rounds:' .. task, custom_id)
  if not kept then return 1 end
  local round, id = string.match(kept, '^(%d+) (.*)$')
  local action = fields(P .. 'action:' .. id, 'state', 'ended_at')
  local over = not action.state
    or (action.state == 'accepted' and not lately(action.ended_at, NEXT_ROUND, now))
  return over and round + 1 or tonumber(round), id
end

-- Track the tasks that an action has made, or found. They inherit what its own does not say.
local function track_children(action, row, ids, incarnation, now)
  local parent = {}
  if row.task then
    parent = fields(P .. 'task:' .. row.task, 'root', 'depth', 'metadata', 'hook', 'hook_at', 'hook_ended')
  end
  local parent_id = row.task and string.match(row.task, ':(.*)$')
  local given = {metadata = row.metadata or parent.metadata or '{}', incarnation = incarnation,
    hook = row.hook, hook_at = row.hook_at, max_origins = row.max_origins}
  if not row.hook and parent.hook and not parent.hook_ended then
    given.hook, given.hook_at = parent.hook, parent.hook_at
  end
  if is_full(given) then given.hook = nil end
  local answering
  for _, id in ipairs(ids) do
    local task = row.upstream .. ':' .. id
    local before = fields(P .. 'task:' .. task, unpack(BEFORE))
    if task ~= row.task then
      if not before.active then
        answering = answering or answering_now(row.upstream, now)
        begin(row.upstream, task, before, given, answering, now)
        set_hook(task, before, given)
      elseif before.active == '1' then
        resume(row.upstream, task, before, now)
      end
      if not before.action then
        redis.call('HSET', P .. 'task:' .. task, 'action', action, 'by', row.by, 'depth', number(parent.depth) + 1)
        if parent_id then
          redis.call('HSET', P .. 'task:' .. task, 'parent', parent_id, 'root', parent.root or parent_id)
        end
      end
    end
  end
end

local ACTION = {'state', 'upstream', 'created_at', 'task', 'by', 'metadata', 'hook', 'hook_at', 'max_origins'}

-- Record what came of an action. outcome: state, ended (whether nothing more happens to it),
-- code?, reason?, children (ids), looks, modal?
-- Returns the type of the event that reports it, if one does.
local function end_action(id, outcome, incarnation, now)
  local row = fields(P .. 'action:' .. id, unpack(ACTION))
  if not row.state or row.state == 'accepted' then return nil end
  local children = outcome.children or {}
  change_action(id, row, {state = outcome.state, code = outcome.code or false, reason = outcome.reason or false,
    looks = outcome.looks or false, child = children[1] or false, ended_at = outcome.ended and now or false})
  if outcome.state == 'pending' then redis.call('HDEL', P .. 'action:' .. id, 'sent_at') end
  if outcome.modal then redis.call('HSET', P .. 'action:' .. id, 'modal', outcome.modal) end
  if outcome.state == 'accepted' then track_children(id, row, children, incarnation, now) end
  return outcome.ended and 'action.' .. outcome.state or nil
end

-- Forget an action for good; a task's presses are forgotten with the task.
local function forget_action(id)
  local row = fields(P .. 'action:' .. id, 'state', 'upstream')
  if row.state then leave_cell('actions', action_cell(row.upstream, row.state), id) end
  redis.call('DEL', P .. 'action:' .. id)
end

-- When a rule's limit lets it press once more; nil if that press is to be dropped. Presses are
-- counted when they are made, so that no stretch of time has more than the limit.
local function rule_turn(rule, now)
  local key = P .. 'rule:' .. rule.name
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - rule.seconds)
  if redis.call('ZCARD', key) < rule.most then return now end
  if not rule.waits then return nil end
  return tonumber(redis.call('ZRANGE', key, -rule.most, -rule.most, 'WITHSCORES')[2]) + rule.seconds
end

-- Wait for a rule's turn, and take it; false if the press is dropped.
local function take_turn(given, now)
  if not given.limit then return true end
  local at = rule_turn(given.limit, now)
  if not at then return false end
  local key = P .. 'rule:' .. given.limit.name
  redis.call('ZADD', key, at, given.id)
  redis.call('EXPIRE', key, math.ceil(at - now + given.limit.seconds))
  given.delay = math.max(given.delay, at - now)
  return true
end

-- Put the delivery of an action into its lane.
local function queue_action(given, created_at, now)
  local id, endpoint, lane = given.id, given.endpoint, action_lane(given.id)
  local event = P .. 'event:' .. id
  local was = redis.call('HGET', event, 'to:' .. endpoint)
  if was then
    leave_cell('deliveries', delivery_cell(was, endpoint), delivery_row(id, endpoint))
    redis.call('HDEL', event, 'why:' .. endpoint)
    put('closed', false, id)
  end
  redis.call('HSET', event, 'type', 'action', 'subject', given.subject, 'upstream', given.upstream, 'sequence', 0,
    'at', created_at, 'body', given.body, 'open', 1, 'to:' .. endpoint, 'pending')
  put('open', now, id)
  enter_cell('deliveries', delivery_cell('pending', endpoint), created_at, delivery_row(id, endpoint))
  expect(endpoint, 1)
  redis.call('RPUSH', P .. 'lane:' .. endpoint .. ':' .. lane, id)
  if given.delay > 0 then
    redis.call('HSET', P .. 'head:' .. endpoint .. ':' .. lane, 'due', now + given.delay)
    redis.call('ZADD', P .. 'retry:' .. endpoint, now + given.delay, lane)
  else
    redis.call('ZADD', P .. 'fresh:' .. endpoint, now, lane)
  end
end

-- Write an action down, to be made as soon as its delay is over. `finish` has to follow.
-- Reads and writes action:<id>, actions:<cell>, rounds: presses:<task>, rule:<name>, event:<id>,
-- lane:<endpoint>:~<id>, head:<endpoint>:~<id>, fresh: retry:<endpoint>, deliveries:<cell>, open,
-- closed.
-- given: id, kind, upstream, endpoint, task?, custom_id?, label?, by, order (JSON text),
-- metadata?, hook? (JSON texts), hook_at?, max_origins, delay, round, subject, body (of its
-- event), limit? (a rule's: name, most, seconds, waits), limited? (what reports that it drops
-- presses).
-- One that was refused or cancelled is asked for anew. Any other is what was asked for.
-- Returns whether it is new; nil if its round is over; and whether it was dropped.
local function create_action(given, now)
  local id = given.id
  local key = P .. 'action:' .. id
  local before = redis.call('HGET', key, 'state')
  if before and before ~= 'refused' and before ~= 'cancelled' then return false end
  if given.round > 0 then
    if round_of(given.task, given.custom_id, now) ~= given.round then return nil end
    redis.call('HSET', P .. 'rounds:' .. given.task, given.custom_id, given.round .. ' ' .. id)
  end
  if not take_turn(given, now) then return false, true end
  if before then
    forget_action(id)
  elseif given.task and redis.call('EXISTS', P .. 'task:' .. given.task) == 1 then
    -- With a task that was never tracked, nothing would ever forget them.
    local presses = P .. 'presses:' .. given.task
    if redis.call('RPUSH', presses, id) > PRESSES_KEPT then redis.call('LPOP', presses) end
  end
  local created_at, row = string.format('%.6f', now), {}
  for _, name in ipairs({'kind', 'upstream', 'task', 'custom_id', 'label', 'by', 'order', 'metadata', 'hook', 'hook_at',
    'max_origins'}) do
    if given[name] then
      row[#row + 1] = name
      row[#row + 1] = given[name]
    end
  end
  redis.call('HSET', key, 'state', 'pending', 'created_at', created_at, 'not_before', now + given.delay, unpack(row))
  enter_cell('actions', action_cell(given.upstream, 'pending'), created_at, id)
  queue_action(given, created_at, now)
  return true
end
