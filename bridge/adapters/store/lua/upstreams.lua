#!lua flags=no-writes
-- Read what is known of the upstreams that kept tasks were tracked at, and of some others.
--
-- Reads     cells:tasks, the sizes of tasks:<cell>, upstream:<upstream>, requests:<upstream>,
--           poll:<upstream>
-- ARGV      the names of the others
-- Returns   for each upstream: name, tasks, those that are polled, its fields, its
--           requests by minute, and when the task that is due first is

local order, tracked, active = {}, {}, {}

local function add(name)
  if tracked[name] then return end
  tracked[name], active[name] = 0, 0
  order[#order + 1] = name
end

for _, name in ipairs(ARGV) do add(name) end
for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:tasks')) do
  local size = redis.call('ZCARD', P .. 'tasks:' .. cell)
  local name = string.match(cell, '^[^:]*')
  if size > 0 then
    add(name)
    tracked[name] = tracked[name] + size
    if string.sub(cell, -1) == '1' then active[name] = active[name] + size end
  end
end

local found = {}
for place, name in ipairs(order) do
  local first = redis.call('ZRANGE', P .. 'poll:' .. name, 0, 0, 'WITHSCORES')[2]
  found[place] = {name, tracked[name], active[name], redis.call('HGETALL', P .. 'upstream:' .. name),
    redis.call('HGETALL', P .. 'requests:' .. name), first or false}
end
return found
