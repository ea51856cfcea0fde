-- Count how old tasks were when they began or ended.
--
-- Reads and writes  ages:<upstream>
-- ARGV              upstream, how many buckets there are; then for each task the kind and the stage,
--                   and the number of a bucket
-- Returns           nothing
--
-- A row whose buckets are others was written by another version, and begins anew.

local key, size = P .. 'ages:' .. ARGV[1], tonumber(ARGV[2])
-- Kinds and stages of an upstream. Actions are the gateway's words: what comes later is left out.
local MOST = 64
-- A bucket that is so full halves them all: what was long ago counts less and less.
local FULL = 64

for place = 3, #ARGV, 2 do
  local name, bucket = ARGV[place], tonumber(ARGV[place + 1])
  local row, counts = redis.call('HGET', key, name), {}
  for count in string.gmatch(row or '', '%d+') do counts[#counts + 1] = tonumber(count) end
  if #counts ~= size then
    counts = {}
    for each = 1, size do counts[each] = 0 end
  end
  counts[bucket] = counts[bucket] + 1
  if counts[bucket] >= FULL then
    for each = 1, size do counts[each] = math.floor(counts[each] / 2) end
  end
  if row or redis.call('HLEN', key) < MOST then redis.call('HSET', key, name, table.concat(counts, ' ')) end
end
