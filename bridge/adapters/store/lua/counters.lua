#!lua flags=no-writes
-- Read what metrics are made of, at one moment.
-- Needs counting, reading
--
-- An endpoint is down if nothing is sent to it, or if it fails and something waits for it: the last
-- of its events may have been refused, and given up, for its own sake.
--
-- Reads     counters, cells:<list>, the sizes of tasks:<cell> and deliveries:<cell>, endpoints,
--           health:<endpoint>, upstream:<upstream>, heartbeat, workers, full
-- Returns   the bounds of the buckets, the counters, {cell, size} of tasks, {label, state,
--           size} of deliveries, {label, when} of the oldest that waits, {label, 1 if it is up}
--           of endpoints and of upstreams, the heartbeat, {worker, when} flat, and 1 if memory is
--           nearly full

local bounds = {}
for place, bound in ipairs(BOUNDS) do bounds[place] = tostring(bound) end

local tasks, upstreams, seen = {}, {}, {}
for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:tasks')) do
  tasks[#tasks + 1] = {cell, redis.call('ZCARD', P .. 'tasks:' .. cell)}
  local name = string.match(cell, '^[^:]*')
  if not seen[name] then
    seen[name] = true
    local failing = number(redis.call('HGET', P .. 'upstream:' .. name, 'failures')) > 0
    upstreams[#upstreams + 1] = {name, failing and 0 or 1}
  end
end

local deliveries, oldest, endpoints = {}, {}, {}
for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:deliveries')) do
  local state, endpoint = string.match(cell, '^([^:]*):(.*)$')
  local key, label = P .. 'deliveries:' .. cell, label_of(endpoint)
  deliveries[#deliveries + 1] = {label, shown_state(state, endpoint), redis.call('ZCARD', key)}
  local first = state == 'pending' and redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first then oldest[#oldest + 1] = {label, first} end
end
for place, name in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
  local health = fields(P .. 'health:' .. name, 'failures', 'disabled', 'unconfigured')
  local fails = number(health.failures) > 0 and redis.call('ZCARD', P .. 'deliveries:pending:' .. name) > 0
  local up = not health.disabled and not health.unconfigured and not fails
  endpoints[place] = {label_of(name), up and 1 or 0}
end

return {bounds, redis.call('HGETALL', P .. 'counters'), tasks, deliveries, oldest, endpoints, upstreams,
  redis.call('GET', P .. 'heartbeat'), redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES'),
  redis.call('EXISTS', P .. 'full')}
