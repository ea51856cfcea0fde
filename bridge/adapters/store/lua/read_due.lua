#!lua flags=no-writes
-- Read tasks of an upstream that are polled, as a claim would, without claiming them.
-- Needs polled
--
-- Reads     task:<task>, upstream:<upstream>
-- ARGV      upstream, the tasks' ids
-- Returns   now, clock, columns and tasks, each with its name before it, as `claim_tasks` does

local now, upstream, found = clock(), ARGV[1], {}
for place = 2, #ARGV do
  local task = upstream .. ':' .. ARGV[place]
  local row = task_row(task, 'active', unpack(FIELDS))
  if row[1] == '1' then found[#found + 1] = {task, unpack(row, 2, #FIELDS + 1)} end
end
return {'now', string.format('%.6f', now), 'clock', redis.call('HGET', P .. 'upstream:' .. upstream, 'clock'),
  'columns', COLUMNS, 'tasks', found}
