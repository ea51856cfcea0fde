#!lua flags=allow-oom
-- Notice that the clock was set back, and move what waits back with it, a bounded part a call.
-- Needs limits
--
-- Reads and writes  clock, retry: woken: edits: flight:<endpoint>, head:<endpoint>:<lane>,
--                   health:<endpoint>, poll: polling: upstream:<upstream>, rule:<rule>, ready, trial
-- Reads             endpoints
-- ARGV              most, JSON {upstreams, rules: names}
-- Returns           how many were moved; less than `most` if nothing is left to move
--
-- The step is as long as the clock is behind the sweep before this one, so waits that were
-- under way end late by what lies between two sweeps. What was written while the rest is
-- still being moved may be moved too, and is due early: that costs an attempt, and no order.

local most, names = tonumber(ARGV[1]), cjson.decode(ARGV[2])
local now = clock()
local key = P .. 'clock'
local held = fields(key, 'seen', 'step')
local step, moved = held.step and tonumber(held.step), 0

-- Move times to come. Those that passed are older than the wrong time, or are over.
local function move_fields(hash, ...)
  for name, at in pairs(fields(hash, ...)) do
    if number(at) > now then redis.call('HSET', hash, name, string.format('%.6f', at - step)) end
  end
end

-- Move the members of a set that are due in a time to come, the first ones first. They go
-- below the place that is kept from one call to the next, and are not seen again.
local function move(set, endpoint)
  local from = redis.call('HGET', key, set) or string.format('%.6f', now)
  local found = redis.call('ZRANGEBYSCORE', P .. set, from, '+inf', 'WITHSCORES', 'LIMIT', 0, most - moved)
  for place = 1, #found, 2 do
    redis.call('ZADD', P .. set, string.format('%.6f', found[place + 1] - step), found[place])
    if endpoint then move_fields(P .. 'head:' .. endpoint .. ':' .. found[place], 'first', 'due') end
  end
  if #found > 0 then redis.call('HSET', key, set, found[#found]) end
  moved = moved + #found / 2
end

local endpoints = redis.call('ZRANGE', P .. 'endpoints', 0, -1)
if not step then
  redis.call('HSET', key, 'seen', string.format('%.6f', now))
  if number(held.seen) <= now then return 0 end
  step = held.seen - now
  redis.call('HSET', key, 'step', string.format('%.6f', step))
  for _, endpoint in ipairs(endpoints) do
    move_fields(P .. 'health:' .. endpoint, 'hold_until', 'open_until', 'trial_until', 'failing_since')
  end
  for _, upstream in ipairs(names.upstreams) do
    move_fields(P .. 'upstream:' .. upstream, 'hold_until', 'failing_since')
  end
  -- The server's own clock lets it expire, and it is the same one.
  if redis.call('PTTL', P .. 'trial') > LONGEST_LEASE * 1000 then
    redis.call('PEXPIRE', P .. 'trial', LONGEST_LEASE * 1000)
  end
end

for _, endpoint in ipairs(endpoints) do
  for _, where in ipairs({'retry:', 'woken:', 'edits:', 'flight:'}) do
    if moved < most then move(where .. endpoint, endpoint) end
  end
  arm(endpoint, now)
end
write_sets()
for _, upstream in ipairs(names.upstreams) do
  if moved < most then move('poll:' .. upstream) end
  if moved < most then move('polling:' .. upstream) end
end
for _, rule in ipairs(names.rules) do
  if moved < most then move('rule:' .. rule) end
end
if moved < most then
  redis.call('DEL', key)
  redis.call('HSET', key, 'seen', string.format('%.6f', now))
end
return moved
