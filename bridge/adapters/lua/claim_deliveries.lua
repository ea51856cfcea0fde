-- Claim the heads of due lanes, fairly over the endpoints, within each one's limits.
--
-- Reads and writes  ready, fresh: retry: woken: flight:<endpoint>, health:<endpoint>,
--                   head:<endpoint>:<lane>, suspects
-- Reads             lane:<endpoint>:<lane>, event:<id>
-- ARGV              token, limit, limit for slow endpoints, 1 to claim one suspect alone,
--                   1 if a wake-up has arrived: the next one may be sent
-- Returns           {now, suspects waiting?, seconds until more or '', {delivery, ...}}
--                   where a delivery is {endpoint, lane, token, was disabled?, crashes, event id,
--                   type, subject, upstream, sequence, at, body, attempts, first, due,
--                   failures, refusals, slow?}
--
-- Leases that ran out are taken back here, first: their heads are suspects from then on.

local token, limit, slow_limit, alone = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local now = clock()
local claimed = {}
if ARGV[5] == '1' then redis.call('DEL', P .. 'wake:deliver') end

local function take(endpoint, lane, lease, health)
  local id = redis.call('LINDEX', P .. 'lane:' .. endpoint .. ':' .. lane, 0)
  if not id then return false end
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  local head = fields(key, 'claims', 'attempts', 'first', 'due', 'failures', 'refusals')
  local event = fields(P .. 'event:' .. id, 'type', 'subject', 'upstream', 'sequence', 'at', 'body')
  local crashes = number(head.claims) - number(head.attempts)
  local mine = token .. ':' .. #claimed
  redis.call('HSET', key, 'token', mine, 'claims', number(head.claims) + 1)
  redis.call('ZADD', P .. 'flight:' .. endpoint, now + lease, lane)
  claimed[#claimed + 1] = {endpoint, lane, mine, health.told_disabled and 1 or 0, crashes, id,
    event.type, event.subject, event.upstream, event.sequence, event.at, event.body,
    head.attempts or '0', head.first or '', head.due or '0', head.failures or '0', head.refusals or '0',
    (number(health.latency) > SLOW or number(health.failures) > 0) and 1 or 0}
  return true
end

-- Whose worker is gone: the lease is over, or further away than any lease can be.
local function reclaim(endpoint)
  local flight = P .. 'flight:' .. endpoint
  for _, range in ipairs({{'-inf', now}, {now + LONGEST_LEASE, '+inf'}}) do
    for _, lane in ipairs(redis.call('ZRANGEBYSCORE', flight, range[1], range[2], 'LIMIT', 0, 200)) do
      redis.call('ZREM', flight, lane)
      local key = P .. 'lane:' .. endpoint .. ':' .. lane
      local id = redis.call('LINDEX', key, 0)
      if id then redis.call('ZADD', P .. 'suspects', now, endpoint .. '|' .. lane) end
    end
  end
end

-- Lanes that may be tried at once, unless they were woken lately.
local function woken(endpoint, wanted)
  local found = {}
  for _, lane in ipairs(redis.call('ZRANGE', P .. 'woken:' .. endpoint, 0, wanted - 1)) do
    local key = P .. 'head:' .. endpoint .. ':' .. lane
    local head = fields(key, 'woken_at', 'due')
    if head.woken_at and now - number(head.woken_at) < WAKE_EVERY and number(head.due) > now then
      redis.call('ZREM', P .. 'woken:' .. endpoint, lane)
      redis.call('ZADD', P .. 'retry:' .. endpoint, number(head.due), lane)
    else
      found[#found + 1] = lane
    end
  end
  return found
end

local function serve(endpoint, quota)
  local health = fields(P .. 'health:' .. endpoint, 'concurrency', 'rate', 'burst', 'tokens', 'tokens_at',
    'opens', 'lease', 'latency', 'failures', 'told_disabled', 'turn')
  reclaim(endpoint)
  local at = next_time(endpoint, now)
  if not at or at > now then return arm(endpoint, now) end
  local slow = number(health.latency) > SLOW or number(health.failures) > 0
  local slots = math.min(quota, number(health.concurrency or 1) - redis.call('ZCARD', P .. 'flight:' .. endpoint))
  if slow then slots = math.min(slots, slow_limit) end
  local rate, tokens = number(health.rate), 0
  if rate > 0 then
    tokens = tokens_now(health, rate, number(health.burst), now)
    slots = math.min(slots, math.floor(tokens))
  end
  local probing = number(health.opens) > 0
  if probing then slots = math.min(slots, 1) end
  if slots < 1 then
    -- Slow ones have their share of this process; let the others come up meanwhile.
    return redis.call('ZADD', P .. 'ready', now + 0.05, endpoint)
  end

  local sources = {P .. 'fresh:' .. endpoint, P .. 'retry:' .. endpoint, P .. 'woken:' .. endpoint}
  local recent = redis.call('ZRANGEBYSCORE', sources[1], now - FRESH_FOR, now, 'LIMIT', 0, slots)
  local backlog = redis.call('ZRANGEBYSCORE', sources[2], '-inf', now, 'LIMIT', 0, slots)
  for _, lane in ipairs(woken(endpoint, slots)) do backlog[#backlog + 1] = lane end
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', sources[1], '-inf', '(' .. now - FRESH_FOR, 'LIMIT', 0, slots)) do
    backlog[#backlog + 1] = lane
  end

  -- Half of the slots are for recent events, half for the backlog; the odd one goes to
  -- each in turn, and what one side does not use the other does.
  local turn = number(health.turn)
  local share = math.floor((slots + turn) / 2)
  local from_recent = math.min(#recent, math.max(share, slots - #backlog))
  local lanes = {}
  for place = 1, from_recent do lanes[#lanes + 1] = recent[place] end
  for place = 1, math.min(#backlog, slots - from_recent) do lanes[#lanes + 1] = backlog[place] end

  local lease, taken = number(health.lease or 30), 0
  for _, lane in ipairs(lanes) do
    local was_woken = redis.call('ZREM', sources[3], lane) == 1
    redis.call('ZREM', sources[1], lane)
    redis.call('ZREM', sources[2], lane)
    if take(endpoint, lane, lease, health) then
      taken = taken + 1
      if was_woken then redis.call('HSET', P .. 'head:' .. endpoint .. ':' .. lane, 'woken_at', now) end
    end
  end
  if taken > 0 then
    redis.call('HSET', P .. 'health:' .. endpoint, 'turn', 1 - turn)
    if rate > 0 then
      redis.call('HSET', P .. 'health:' .. endpoint, 'tokens', tokens - taken, 'tokens_at', now)
    end
    if probing then redis.call('HSET', P .. 'health:' .. endpoint, 'trial_until', now + lease) end
    if slow then slow_limit = slow_limit - taken end
  end
  arm(endpoint, now)
end

-- The first suspect whose endpoint may be spoken to; nil while another is under way, so
-- that whatever crashes its worker crashes nothing else.
local function first_suspect()
  if redis.call('EXISTS', P .. 'trial') == 1 then return nil end
  for _, member in ipairs(redis.call('ZRANGE', P .. 'suspects', 0, 199)) do
    local endpoint, lane = string.match(member, '^([^|]*)|(.*)$')
    local health = fields(P .. 'health:' .. endpoint, 'paused', 'disabled', 'away', 'hold_until', 'open_until',
      'lease', 'told_disabled', 'latency', 'failures')
    local held = math.max(number(health.hold_until), number(health.open_until)) > now
    if not (health.paused or health.disabled or health.away or held) then return member, endpoint, lane, health end
  end
end

local function serve_suspect()
  local member, endpoint, lane, health = first_suspect()
  if not member then return end
  redis.call('ZREM', P .. 'suspects', member)
  if take(endpoint, lane, number(health.lease or 30), health) then
    redis.call('SET', P .. 'trial', 1, 'PX', math.ceil(number(health.lease or 30) * 1000))
  end
  arm(endpoint, now)
end

if alone then
  serve_suspect()
else
  local ready = redis.call('ZRANGEBYSCORE', P .. 'ready', '-inf', now, 'LIMIT', 0, 256)
  for place, endpoint in ipairs(ready) do
    local left = limit - #claimed
    if left < 1 then break end
    serve(endpoint, math.ceil(left / (#ready - place + 1)))
  end
end

local suspects = first_suspect() ~= nil
local next_at = first_score(P .. 'ready')
return {tostring(now), suspects and 1 or 0, next_at and tostring(math.max(0, next_at - now)) or '', claimed}
