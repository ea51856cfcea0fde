-- Hooks: a task's own receiver, and the endpoint that all hooks of one origin are.
-- Needs limits

-- Forget an endpoint for good: nothing waits for it, and nobody has it configured.
local function forget_endpoint(endpoint)
  redis.call('ZREM', P .. 'endpoints', endpoint)
  redis.call('ZREM', P .. 'ready', endpoint)
  redis.call('DEL', P .. 'health:' .. endpoint, P .. 'slots:' .. endpoint)
end

-- A task has no hook at an origin any more. With the last one, the origin is forgotten; if
-- something waits there after all, an hour later, like an endpoint that was removed.
local function leave_origin(endpoint)
  if redis.call('HINCRBY', P .. 'hooks', endpoint, -1) > 0 then return end
  redis.call('HDEL', P .. 'hooks', endpoint)
  if number(redis.call('HGET', P .. 'health:' .. endpoint, 'pending')) == 0 then forget_endpoint(endpoint) end
end

-- Whether a task's hook gets an event. formats: those of hooks that get it.
local function hook_gets(formats, task)
  if not task.hook_at or task.hook_ended then return false end
  local format = cjson.decode(task.hook)[2]
  for _, one in ipairs(formats or {}) do
    if one == format then return true end
  end
  return false
end
