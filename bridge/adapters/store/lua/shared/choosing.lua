-- Which of an endpoint's due lanes are claimed first.
-- Needs lanes

-- An event is served before the backlog for so long.
local FRESH_FOR = 60
-- Woken lanes that one claim examines, at most.
local EXAMINED = 300

-- Lanes that may be tried because the endpoint is back. Those that were lately, for the same
-- reason, wait until they may be again; so many are examined in one call.
local function revived(endpoint, most, now)
  local found = {}
  for _, lane in ipairs(redis.call('ZRANGE', P .. 'woken:' .. endpoint, 0, EXAMINED - 1)) do
    if #found >= most then break end
    local head = fields(P .. 'head:' .. endpoint .. ':' .. lane, 'revived_at', 'roused', 'due')
    if lately(head.revived_at, WAKE_EVERY, now) and not head.roused and number(head.due) > now then
      redis.call('ZREM', P .. 'woken:' .. endpoint, lane)
      redis.call('ZADD', P .. 'retry:' .. endpoint,
        math.min(number(head.due), tonumber(head.revived_at) + WAKE_EVERY), lane)
    else
      found[#found + 1] = lane
    end
  end
  return found
end

-- Choose among lanes that wait for many reasons. Half of the slots are for recent events, half
-- for the backlog; the odd one goes to each in turn, and what one side does not use the other does.
local function share_out(endpoint, slots, turn, now)
  local recent, backlog, chosen = {}, {}, {}
  local function add(where, into, lanes)
    for _, lane in ipairs(lanes) do into[#into + 1] = {lane, where} end
  end
  local function find(where, into, from, to, most)
    add(where, into, redis.call('ZRANGEBYSCORE', P .. where .. endpoint, from, to, 'LIMIT', 0, most))
  end
  local edge = string.format('%.6f', now - FRESH_FOR)
  local back = revived(endpoint, slots, now)
  find('fresh:', recent, edge, '+inf', slots)
  find('retry:', backlog, '-inf', now, slots)
  add('woken:', backlog, back)
  find('fresh:', backlog, '-inf', '(' .. edge, slots)
  local share = math.floor((slots + turn) / 2)
  local from_recent = math.min(#recent, math.max(share, slots - #backlog))
  for place = 1, from_recent do chosen[#chosen + 1] = recent[place] end
  for place = 1, math.min(#backlog, slots - from_recent) do chosen[#chosen + 1] = backlog[place] end
  -- Progress gets what is left: when the budget is short, it is what waits.
  if #chosen < slots then find('edits:', chosen, '-inf', now, slots - #chosen) end
  return chosen
end

-- Choose lanes, each with where it waits.
-- Returns them, and when what is left is due: nil if nothing is, false if that is to be looked up.
local function choose(endpoint, slots, turn, now)
  local fresh = redis.call('ZRANGE', P .. 'fresh:' .. endpoint, 0, slots, 'WITHSCORES')
  local some_left = #fresh > 2 * slots
  if (some_left and tonumber(fresh[2]) < now - FRESH_FOR)
    or redis.call('EXISTS', P .. 'retry:' .. endpoint, P .. 'woken:' .. endpoint, P .. 'edits:' .. endpoint) > 0 then
    return share_out(endpoint, slots, turn, now), false
  end
  local chosen = {}
  for place = 1, math.min(#fresh, 2 * slots), 2 do chosen[#chosen + 1] = {fresh[place], 'fresh:'} end
  return chosen, some_left and 0 or nil
end
