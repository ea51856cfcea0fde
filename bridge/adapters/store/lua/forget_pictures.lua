#!lua flags=allow-oom
-- Note that files of the archive are deleted.
--
-- Reads and writes  picture:<name>, unkept
-- ARGV              the names of the files
-- Returns           nothing
--
-- One that somebody holds by now was held too late to be deleted, and stays known.

for _, name in ipairs(ARGV) do
  if not redis.call('HGET', P .. 'picture:' .. name, 'holders') then
    redis.call('DEL', P .. 'picture:' .. name)
    redis.call('ZREM', P .. 'unkept', name)
  end
end
