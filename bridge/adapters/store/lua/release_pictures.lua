#!lua flags=allow-oom
-- Release files of the archive that were kept long enough, and the oldest beyond a quota.
-- Needs publishing, pictures
--
-- Reads and writes  kept, unkept, picture:<name>, archive, and what `publish` does
-- ARGV[1]           JSON {before, quota (0: none), most, retention, notice? (published if the quota
--                   has cost anything)}
-- Returns           the names of files to delete: nobody holds them, and until they are
--                   forgotten nobody can
--
-- A file that could not be deleted is named again.

local given = cjson.decode(ARGV[1])
local now = clock()
local left = given.most

local function release(member)
  local name = string.match(member, '^([^|]*)|')
  local key = P .. 'picture:' .. name
  redis.call('ZREM', P .. 'kept', member)
  left = left - 1
  if redis.call('HINCRBY', key, 'holders', -1) > 0 then return end
  count_file(number(redis.call('HGET', key, 'bytes')), -1)
  redis.call('HDEL', key, 'bytes', 'holders')
  redis.call('HSET', key, 'deleting', now)
  redis.call('ZADD', P .. 'unkept', now, name)
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'kept', '-inf', given.before, 'LIMIT', 0, left)) do
  release(member)
end
local full = false
while given.quota > 0 and left > 0 and number(redis.call('HGET', P .. 'archive', 'bytes')) > given.quota do
  local oldest = redis.call('ZRANGE', P .. 'kept', 0, 0)[1]
  if not oldest then break end
  release(oldest)
  full = true
end
if full and given.notice then
  publish(given.notice.event, given.notice.endpoints, given.retention, now)
end

local names = redis.call('ZRANGE', P .. 'unkept', 0, given.most - 1)
for _, name in ipairs(names) do redis.call('HSET', P .. 'picture:' .. name, 'deleting', now) end
finish(now)
return names
