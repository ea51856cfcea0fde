#!lua flags=allow-oom
-- Claim the heads of due lanes, fairly over the endpoints, within each one's limits.
--
-- Reads and writes  ready, fresh: retry: woken: edits: flight:<endpoint>, health:<endpoint>,
--                   head:<endpoint>:<lane>, suspects, trial, void:<token>, wake:deliver, and what
--                   `pop` does
-- Reads             lane:<endpoint>:<lane>, event:<id>, memory:<endpoint>:<subject>
-- ARGV              token, limit, limit for slow endpoints, 1 to claim one suspect alone,
--                   1 if a wake-up has arrived: the next one may be sent, retention, and the
--                   tokens of the worker's claims before, as far as it got no reply
-- Returns           now, suspects (1 if any waits), next_in (seconds until more, or nil), columns
--                   and deliveries, each with its name before it; columns name the values of a
--                   delivery
--
-- What was claimed under the tokens whose replies were lost is claimed anew: nobody works on
-- it, so that is no crash. If such a claim runs only now, behind this one, it finds itself void.
--
-- Leases that ran out are taken back here, first: their heads are suspects from then on.
-- allow-oom: when memory is full, delivering what is known is the way out.

local token, limit, slow_limit, alone = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local retention = tonumber(ARGV[6])
local now = clock()
local claimed = {}
-- What `take` puts into a delivery, line by line.
local COLUMNS = {
  'endpoint', 'lane', 'token', 'crashes', 'slow', 'told_disabled',
  'id', 'type', 'subject', 'upstream', 'sequence', 'at', 'body', 'loss',
  'attempts', 'first', 'due', 'failures',
  'refusals',
  'memory'}
if ARGV[5] == '1' then redis.call('DEL', P .. 'wake:deliver') end

-- Seconds for which a claim that was given up stays void: longer than any call hangs.
local VOID_FOR = 60

-- Who was slow or failed lately.
local function is_slow(health)
  return number(health.latency) > SLOW or number(health.failures) > 0
end

local function take(endpoint, lane, health, fresh)
  local list, key = P .. 'lane:' .. endpoint .. ':' .. lane, P .. 'head:' .. endpoint .. ':' .. lane
  local id = redis.call('LINDEX', list, 0)
  if not id then return false end
  local event = fields(P .. 'event:' .. id, 'type', 'subject', 'upstream', 'sequence', 'at', 'body', 'loss')
  if not event.body then
    -- It is gone and cannot be told. Let it hold up nothing.
    pop(endpoint, lane, 'dead', retention, now)
    return false
  end
  -- Nothing is known yet of a head that was never claimed.
  local head = fresh and {} or fields(key, 'claims', 'attempts', 'first', 'due', 'failures', 'refusals')
  local crashes = number(head.claims) - number(head.attempts)
  local mine = token .. ':' .. #claimed
  redis.call('HSET', key, 'token', mine, 'claims', number(head.claims) + 1)
  redis.call('ZADD', P .. 'flight:' .. endpoint, now + number(health.lease or 30), lane)
  claimed[#claimed + 1] = {
    endpoint, lane, mine, crashes, is_slow(health) and 1 or 0, health.told_disabled,
    id, event.type, event.subject, event.upstream, event.sequence, event.at, event.body, event.loss,
    head.attempts or false, head.first or false, head.due or false, head.failures or false,
    head.refusals or false,
    health.kind ~= 'webhook' and redis.call('HGET', P .. 'memory:' .. endpoint .. ':' .. event.subject, 'data')}
  return mine
end

-- Note what attempts that begin now use up of an endpoint's limits.
local function spend(endpoint, health, taken, mine)
  local key = P .. 'health:' .. endpoint
  local rate = number(health.rate)
  if rate > 0 then
    local tokens = tokens_now(health, rate, number(health.burst), now)
    redis.call('HSET', key, 'tokens', tokens - taken, 'tokens_at', now)
  end
  if number(health.opens) > 0 then
    redis.call('HSET', key, 'trial', mine, 'trial_until', now + number(health.lease or 30))
  end
end

-- Whose worker is gone: the lease is over, or further away than any lease can be.
local function reclaim(endpoint)
  local flight = P .. 'flight:' .. endpoint
  for _, range in ipairs({{'-inf', now}, {now + LONGEST_LEASE, '+inf'}}) do
    for _, lane in ipairs(redis.call('ZRANGEBYSCORE', flight, range[1], range[2], 'LIMIT', 0, 200)) do
      put_back(endpoint, lane, retention, now)
    end
  end
end

-- Lanes that may be tried because the endpoint is back. Those that were lately, for the same
-- reason, wait until they may be again; so many are looked at in one call.
local function revived(endpoint, most)
  local found = {}
  for _, lane in ipairs(redis.call('ZRANGE', P .. 'woken:' .. endpoint, 0, LOOKED_AT - 1)) do
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

-- Choose lanes, each with where it waits. Half of the slots are for recent events, half for
-- the backlog; the odd one goes to each in turn, and what one side does not use the other does.
local function choose(endpoint, slots, turn)
  local recent, backlog, chosen = {}, {}, {}
  local function put(where, into, lanes)
    for _, lane in ipairs(lanes) do into[#into + 1] = {where, lane} end
  end
  local function find(where, into, from, to, most)
    put(where, into, redis.call('ZRANGEBYSCORE', P .. where .. endpoint, from, to, 'LIMIT', 0, most))
  end
  local edge = string.format('%.6f', now - FRESH_FOR)
  local back = revived(endpoint, slots)
  find('fresh:', recent, edge, '+inf', slots)
  find('retry:', backlog, '-inf', now, slots)
  put('woken:', backlog, back)
  find('fresh:', backlog, '-inf', '(' .. edge, slots)
  local share = math.floor((slots + turn) / 2)
  local from_recent = math.min(#recent, math.max(share, slots - #backlog))
  for place = 1, from_recent do chosen[#chosen + 1] = recent[place] end
  for place = 1, math.min(#backlog, slots - from_recent) do chosen[#chosen + 1] = backlog[place] end
  -- Progress is told with what is left: when the budget is short, it is what goes first.
  if #chosen < slots then find('edits:', chosen, '-inf', now, slots - #chosen) end
  return chosen
end

local function claim(endpoint, health, where, lane)
  redis.call('ZREM', P .. where .. endpoint, lane)
  local fresh = where == 'fresh:' or where == 'edits:'
  local mine = take(endpoint, lane, health, fresh)
  if not mine or fresh then return mine end
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  local head = fields(key, 'roused', 'due')
  if head.roused then
    redis.call('HDEL', key, 'roused')
    redis.call('HSET', key, 'woken_at', now)
  elseif number(head.due) > now then
    redis.call('HSET', key, 'revived_at', now)
  end
  return mine
end

local function serve(endpoint, quota)
  reclaim(endpoint)
  local health = health_of(endpoint)
  local at = next_time(endpoint, health, now)
  if not at or at > now then return arm(endpoint, now) end
  local slots = math.min(quota, free_slots(endpoint, health))
  if is_slow(health) then slots = math.min(slots, slow_limit) end
  if number(health.rate) > 0 then
    slots = math.min(slots, math.floor(tokens_now(health, number(health.rate), number(health.burst), now)))
  end
  if number(health.opens) > 0 then slots = math.min(slots, 1) end
  if slots < 1 then
    -- Slow ones have their share of this process; let the others come up meanwhile.
    return redis.call('ZADD', P .. 'ready', now + 0.05, endpoint)
  end

  local turn, taken, last = number(health.turn), 0, nil
  for _, chosen in ipairs(choose(endpoint, slots, turn)) do
    local mine = claim(endpoint, health, chosen[1], chosen[2])
    if mine then taken, last = taken + 1, mine end
  end
  if taken > 0 then
    redis.call('HSET', P .. 'health:' .. endpoint, 'turn', 1 - turn)
    spend(endpoint, health, taken, last)
    if is_slow(health) then slow_limit = slow_limit - taken end
  end
  arm(endpoint, now)
end

-- The first suspect whose endpoint's limits allow it; nil while another is under way, so
-- that whatever crashes its worker crashes nothing else.
local function first_suspect()
  if redis.call('EXISTS', P .. 'trial') == 1 then return nil end
  local seen = {}
  for _, member in ipairs(redis.call('ZRANGE', P .. 'suspects', 0, 999)) do
    local endpoint, lane = string.match(member, '^([^|]*)|(.*)$')
    if not seen[endpoint] then
      seen[endpoint] = true
      local health = health_of(endpoint)
      local at = admissible(endpoint, health, now)
      if at and at <= now then return member, endpoint, lane, health end
    end
  end
end

local function serve_suspect()
  local member, endpoint, lane, health = first_suspect()
  if not member then return end
  redis.call('ZREM', P .. 'suspects', member)
  local mine = take(endpoint, lane, health)
  if mine then
    redis.call('SET', P .. 'trial', mine, 'PX', math.ceil(number(health.lease or 30) * 1000))
    spend(endpoint, health, 1, mine)
  end
  arm(endpoint, now)
end

local function take_back(lost)
  for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
    for _, lane in ipairs(redis.call('ZRANGE', P .. 'flight:' .. endpoint, 0, -1)) do
      local holder = redis.call('HGET', P .. 'head:' .. endpoint .. ':' .. lane, 'token')
      if holder and lost[string.match(holder, '^[^:]*')] then
        end_trial(endpoint, holder)
        hand_back(endpoint, lane, retention, now)
        arm(endpoint, now)
      end
    end
  end
end

if #ARGV > 6 then
  local lost = {}
  for place = 7, #ARGV do
    lost[ARGV[place]] = true
    redis.call('SET', P .. 'void:' .. ARGV[place], 1, 'EX', VOID_FOR)
  end
  take_back(lost)
end

if redis.call('EXISTS', P .. 'void:' .. token) == 1 then
  limit = 0
elseif alone then
  serve_suspect()
else
  local ready = redis.call('ZRANGEBYSCORE', P .. 'ready', '-inf', now, 'LIMIT', 0, 256)
  for place, endpoint in ipairs(ready) do
    local left = limit - #claimed
    if left < 1 then break end
    serve(endpoint, math.ceil(left / (#ready - place + 1)))
  end
end

finish(now)
local suspects = first_suspect() ~= nil
local next_at = first_score(P .. 'ready')
return {'now', string.format('%.6f', now), 'suspects', suspects and 1 or 0,
  'next_in', next_at and string.format('%.6f', math.max(0, next_at - now)) or false,
  'columns', COLUMNS, 'deliveries', claimed}
