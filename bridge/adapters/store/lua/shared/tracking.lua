-- Tasks that begin to be polled.
-- Needs cells, answering, hooks

-- What is read of a task that is to be tracked.
local BEFORE = {'active', 'status', 'hook', 'hook_at', 'hook_ended', 'action'}

-- New tasks are timed from now. So the answering clock is put right first: it has gone on
-- if tasks were polled, and stood still if there were none.
local function answering_now(upstream, now)
  local gateway = P .. 'upstream:' .. upstream
  local held = fields(gateway, 'clock', 'answered_at', 'step')
  local answering = number(held.clock)
  if not held.answered_at then return answering end
  if redis.call('EXISTS', P .. 'poll:' .. upstream) == 1 then answering = answering + clock_step(held, now) end
  redis.call('HSET', gateway, 'clock', string.format('%.6f', answering), 'answered_at', now)
  return answering
end

-- Track a task. given: metadata (JSON text), incarnation.
local function begin(upstream, task, before, given, answering, now)
  local key = P .. 'task:' .. task
  if not before.active then
    redis.call('HSET', key, 'state', '', 'snapshot', '', 'status', '', 'sequence', 0)
  else
    leave_cell('tasks', task_cell(upstream, before.status, '0'), task)
    put('ended', false, task)
  end
  if not before.active or given.metadata ~= '{}' then
    redis.call('HSET', key, 'metadata', given.metadata)
  end
  redis.call('HSET', key, 'active', '1', 'incarnation', given.incarnation, 'version', 0,
    'tracked_at', now, 'tracked_clock', answering, 'misses', 0, 'missed_clock', 0)
  enter_cell('tasks', task_cell(upstream, before.status, '1'), now, task)
  redis.call('ZADD', P .. 'poll:' .. upstream, now, task)
end

-- Look at a polled task as at a new one if it waits for a person: who names it again may have
-- answered it. Returns whether it does.
local function resume(upstream, task, before, now)
  if before.status ~= 'MODAL' then return false end
  redis.call('HSET', P .. 'task:' .. task, 'resumed_at', now)
  redis.call('ZADD', P .. 'poll:' .. upstream, now, task)
  return true
end

-- Poll a task again that is polled and has lost its place among those that are due.
-- Returns whether it had.
local function restore(upstream, task, now)
  return redis.call('ZADD', P .. 'poll:' .. upstream, 'NX', now, task) == 1
end

-- Whether a hook would be at one origin too many.
local function is_full(given)
  return given.hook and redis.call('HEXISTS', P .. 'hooks', given.hook_at) == 0
    and redis.call('HLEN', P .. 'hooks') >= number(given.max_origins)
end

-- Give a task a hook. given: hook (JSON text), hook_at, hook_refused (why there is none).
local function set_hook(task, before, given)
  if given.hook_refused and given.hook_refused ~= '' then
    redis.call('HSET', P .. 'task:' .. task, 'hook_refused', given.hook_refused)
  end
  if not given.hook then return end
  if before.hook == given.hook and (before.active == '1' or not before.hook_ended) then return end
  local key = P .. 'task:' .. task
  if before.hook_at ~= given.hook_at then
    redis.call('HINCRBY', P .. 'hooks', given.hook_at, 1)
    if before.hook_at then leave_origin(before.hook_at) end
  end
  redis.call('HSET', key, 'hook', given.hook, 'hook_at', given.hook_at)
  redis.call('HDEL', key, 'hook_ended', 'hook_refused')
end
