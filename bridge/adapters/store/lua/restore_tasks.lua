#!lua flags=allow-oom
-- Put tasks back that are polled and have lost their place among those that are due: somebody has
-- deleted it, the store has evicted it, or half a backup was restored.
-- Needs cells
--
-- Reads and writes  poll:<upstream>, tasks:<cell>, wakeups:poll
-- Reads             task:<task>, cells:tasks
-- ARGV              upstream, how many tasks to pass over, most
-- Returns           how many were examined, and how many of them were put back
--
-- No task is examined while the sizes agree, so that a look costs the same for any number of them.
-- A row of the list that is not its task's is put right, or the sizes would never agree.

local upstream, from, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now, due = clock(), P .. 'poll:' .. ARGV[1]
local cells, listed = {}, 0
for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:tasks')) do
  if string.match(cell, '^([^:]*):[^:]*:1$') == upstream then
    cells[#cells + 1] = cell
    listed = listed + redis.call('ZCARD', P .. 'tasks:' .. cell)
  end
end
if listed <= redis.call('ZCARD', due) then return {0, 0} end
table.sort(cells)

local examined, restored = 0, 0

local function examine(task, cell)
  local active, status, tracked_at = unpack(task_row(task, 'active', 'status', 'tracked_at'))
  local right = active and task_cell(upstream, status, active)
  if right ~= cell then leave_cell('tasks', cell, task) end
  if right and right ~= cell then enter_cell('tasks', right, tracked_at, task) end
  if active == '1' then restored = restored + redis.call('ZADD', due, 'NX', now, task) end
end

for _, cell in ipairs(cells) do
  local key = P .. 'tasks:' .. cell
  local found = examined < most and redis.call('ZRANGE', key, from, from + most - examined - 1) or {}
  for _, task in ipairs(found) do examine(task, cell) end
  examined = examined + #found
  from = math.max(0, from - redis.call('ZCARD', key))
end
write_sets()
if restored > 0 then wake('poll') end
return {examined, restored}
