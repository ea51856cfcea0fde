#!lua flags=allow-oom
-- Give a claim back that is kept as a text.
--
-- Reads and writes  kept:<name>
-- ARGV              name, holder
-- Returns           nothing
--
-- It may have run out meanwhile, and be somebody else's by now.

local key = P .. 'kept:' .. ARGV[1]
if redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
