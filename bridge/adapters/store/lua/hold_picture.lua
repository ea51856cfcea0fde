-- Note that a task has a file of the archive, before the file is written.
-- Needs pictures
--
-- Reads and writes  picture:<name>, kept, unkept, archive
-- ARGV              the file's name, the task, bytes
-- Returns           1 if it is noted, 0 while the file is being deleted

local name, task, size = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key, now = P .. 'picture:' .. name, clock()
local file = fields(key, 'bytes', 'deleting')
if lately(file.deleting, DELETED_WITHIN, now) then return 0 end
if not file.bytes then count_file(size, 1) end
redis.call('HSET', key, 'bytes', size)
redis.call('HDEL', key, 'deleting')
redis.call('ZREM', P .. 'unkept', name)
if redis.call('ZADD', P .. 'kept', now, name .. '|' .. task) == 1 then redis.call('HINCRBY', key, 'holders', 1) end
return 1
