#!lua flags=allow-oom
-- Give up deliveries that nobody is attempting: too old, their endpoint gone, or dropped.
--
-- Reads and writes  what settle.lua does
-- ARGV[1]           JSON {retention, reason, items: [{endpoint, lane, id, notices}]}
-- Returns           1 or 0 for each item: buried?
--
-- One that is in flight is left to whoever attempts it.

local given = cjson.decode(ARGV[1])
local now = clock()
local buried = {}

for position, item in ipairs(given.items) do
  local endpoint, lane, id = item.endpoint, item.lane, item.id
  local list = P .. 'lane:' .. endpoint .. ':' .. lane
  buried[position] = 0
  if redis.call('LINDEX', list, 0) == id then
    local lease = redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane)
    if not (lease and tonumber(lease) > now and tonumber(lease) <= now + LONGEST_LEASE) then
      pop(endpoint, lane, 'dead', given.retention, now)
      buried[position] = 1
    end
  elseif redis.call('LREM', list, 1, id) == 1 then
    close(id, endpoint, 'dead', given.retention, now)
    buried[position] = 1
  end
  if buried[position] == 1 then
    redis.call('HSET', P .. 'event:' .. id, 'why:' .. endpoint, given.reason)
    for _, notice in ipairs(item.notices or {}) do
      tell(notice.event, notice.endpoints, given.retention, now)
    end
  end
end
finish(now)
return buried
