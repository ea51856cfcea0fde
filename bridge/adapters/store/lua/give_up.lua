#!lua flags=allow-oom
-- Give up deliveries that nobody is attempting: too old, their endpoint gone, or dropped.
-- Needs publishing, actions
--
-- Reads and writes  what settle.lua does
-- ARGV[1]           JSON {retention, reason, by_hand, items: [{endpoint, lane, id, notices}]}
-- Returns           1 or 0 for each item: given up?
--
-- One that is in flight is left to whoever attempts it.

local given = cjson.decode(ARGV[1])
local now = clock()
local given_up = {}

for position, item in ipairs(given.items) do
  local endpoint, lane, id = item.endpoint, item.lane, item.id
  local head, after = front(endpoint, lane)
  given_up[position] = 0
  if head == id then
    local lease = redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane)
    if not (lease and tonumber(lease) > now and tonumber(lease) <= now + LONGEST_LEASE) then
      pop(endpoint, lane, id, after, 'dead', given.retention, now)
      given_up[position] = 1
    end
  elseif redis.call('LREM', P .. 'lane:' .. endpoint .. ':' .. lane, 1, id) == 1 then
    close(id, endpoint, 'dead', given.retention, now)
    given_up[position] = 1
  end
  if given_up[position] == 1 then
    if is_upstream(endpoint) then
      -- One that was not sent is refused. Of any other nobody knows whether it arrived.
      local unsent = redis.call('HGET', P .. 'action:' .. id, 'state') == 'pending'
      end_action(id, {state = unsent and 'refused' or 'unknown', ended = true, reason = given.reason}, '', now)
    end
    -- Whoever drops something knows it: alerts are about what dies by itself.
    if given.by_hand then count('dead:' .. label_of(endpoint), -1) end
    redis.call('HSET', P .. 'event:' .. id, 'why:' .. endpoint, given.reason)
    for _, notice in ipairs(item.notices or {}) do
      publish(notice.event, notice.endpoints, given.retention, now)
    end
  end
end
finish(now)
return given_up
