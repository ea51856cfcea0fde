#!lua flags=allow-oom
-- Stop polling a task. What is queued for it is still delivered.
-- Needs cells
--
-- Reads and writes  task:<task>, tasks:<cell>, ended, poll:<upstream>
-- ARGV              upstream, id, a new incarnation
-- Returns           1 if it was polled, 0 if not, -1 if it is not known
--
-- The new incarnation makes a poll that is under way come to nothing.

local upstream, id, incarnation = ARGV[1], ARGV[2], ARGV[3]
local task = upstream .. ':' .. id
local key = P .. 'task:' .. task
local row = fields(key, 'active', 'status', 'tracked_at')
if not row.active then return -1 end
if row.active ~= '1' then return 0 end
redis.call('HSET', key, 'active', '0', 'incarnation', incarnation)
leave_cell('tasks', task_cell(upstream, row.status, '1'), task)
enter_cell('tasks', task_cell(upstream, row.status, '0'), row.tracked_at, task)
redis.call('ZREM', P .. 'poll:' .. upstream, task)
put('ended', clock(), task)
write_sets()
return 1
