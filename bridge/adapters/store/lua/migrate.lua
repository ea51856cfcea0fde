#!lua flags=allow-oom
-- Bring a part of a store of layout version 1 to version 2.
-- Needs limits, cells
--
-- Reads and writes  all that differs: see below
-- ARGV[1]           JSON {words: {task: its words}}: the tasks that this step is about
-- ARGV[2]           how many events this step is about
-- Returns           {1 if that was the last step, how many rows were moved}
--
-- Version 1 kept all tasks and events in `tasks` and `events`, which version 2 does not have:
-- what is in there is still to be moved. So a step may be repeated, and two processes may
-- take steps side by side.

local given, most = cjson.decode(ARGV[1]), tonumber(ARGV[2])
if redis.call('GET', P .. 'schema') ~= '1' then return {1, 0} end

local function rename(from, to)
  if redis.call('EXISTS', P .. from) == 1 then redis.call('RENAME', P .. from, P .. to) end
end

local function rename_field(key, from, to)
  local value = redis.call('HGET', key, from)
  if value then redis.call('HSET', key, to, value) end
  redis.call('HDEL', key, from)
end

local function move_task(task, words)
  if redis.call('ZREM', P .. 'tasks', task) == 0 then return end
  local key = P .. 'task:' .. task
  local row = fields(key, 'held', 'status', 'active', 'tracked_at')
  if not row.active then return end
  local status = row.status or ''
  if row.held and row.held ~= '' and cjson.decode(row.held)[4] == 'task.lost' then status = 'LOST' end
  redis.call('HSET', key, 'state', row.held or '', 'status', status, 'words', words)
  redis.call('HDEL', key, 'held')
  enter_cell('tasks', task_cell(string.match(task, '^[^:]*'), status, row.active), row.tracked_at, task)
  rename('told:' .. task, 'history:' .. task)
end

local function move_event(id)
  redis.call('ZREM', P .. 'events', id)
  local key = P .. 'event:' .. id
  local row, event = redis.call('HGETALL', key), {}
  for place = 1, #row, 2 do event[row[place]] = row[place + 1] end
  if not event.type then return redis.call('ZREM', P .. 'closed', id) end
  redis.call('PERSIST', key)
  redis.call('PERSIST', P .. 'attempts:' .. id)
  enter_cell('events', event_cell(event.upstream, event.type), event.at, id)
  rename('told:' .. event.subject, 'history:' .. event.subject)
  for name, state in pairs(event) do
    local endpoint = string.match(name, '^to:(.*)$')
    if endpoint then
      enter_cell('deliveries', delivery_cell(state, endpoint), event.at, delivery_row(id, endpoint))
      rename('memory:' .. endpoint .. ':' .. event.subject, 'state:' .. endpoint .. ':' .. event.subject)
    end
  end
end

local done = 0
for task, words in pairs(given.words) do
  move_task(task, words)
  done = done + 1
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'events', 0, most - 1)) do
  move_event(id)
  done = done + 1
end
write_sets()
if redis.call('EXISTS', P .. 'tasks', P .. 'events') > 0 then return {0, done} end

for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
  local key = P .. 'health:' .. endpoint
  rename_field(key, 'told_disabled', 'disabled_reported')
  rename_field(key, 'away', 'unconfigured')
  redis.call('DEL', P .. 'dead:' .. endpoint)
end
rename('stats', 'counters')
for _, name in ipairs(redis.call('HKEYS', P .. 'counters')) do
  if string.sub(name, 1, 11) == 'deliveries:' then redis.call('HDEL', P .. 'counters', name) end
end
redis.call('SET', P .. 'schema', '2')
return {1, done}
