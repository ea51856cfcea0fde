-- Heads of due lanes are claimed, fairly over the endpoints, within each one's limits.
-- Needs choosing
--
-- What was claimed under the tokens whose replies were lost is claimed anew: nobody works on
-- it, so that is no crash. If such a claim runs only now, behind this one, it finds itself void.
--
-- Leases that ran out are taken back here, first: their heads are suspects from then on.

-- What `take` puts into a delivery, line by line.
local COLUMNS = {
  'endpoint', 'lane', 'token', 'crashes', 'slow', 'disabled_reported',
  'id', 'type', 'subject', 'upstream', 'sequence', 'at', 'body', 'loss', 'traceparent', 'archived',
  'attempts', 'first', 'due', 'failures', 'refusals',
  'state', 'hook', 'task_sequence'}

-- Seconds for which a claim that was given up stays void: longer than any call hangs.
local VOID_FOR = 60
-- Seconds of average latency from which an endpoint counts as slow.
local SLOW = 1

local claimed = {}

-- Whether an endpoint was slow or failed lately. An origin of hooks that was never tried may
-- be anybody's, and so may any number of them.
local function is_slow(endpoint, health)
  return number(health.latency) > SLOW or number(health.failures) > 0
    or (is_hook(endpoint) and not health.latency)
end

-- Where a task's event goes that is for its hook; false if it has none at this origin any more.
local function hook_of(endpoint, subject)
  if not is_hook(endpoint) then return false end
  local task = fields(P .. 'task:' .. subject, 'hook', 'hook_at', 'hook_ended')
  return task.hook_at == endpoint and not task.hook_ended and task.hook
end

-- Claim the head of a lane, given where it waited; nil for a suspect's. Returns nil if that cannot be.
local function take(endpoint, lane, health, where, by)
  local id = redis.call('LINDEX', P .. 'lane:' .. endpoint .. ':' .. lane, 0)
  if not id then return nil end
  local kind, subject, upstream, sequence, at, body, loss, traceparent, archived = unpack(redis.call('HMGET',
    P .. 'event:' .. id, 'type', 'subject', 'upstream', 'sequence', 'at', 'body', 'loss', 'traceparent', 'archived'))
  if not body then
    -- It is gone and cannot be sent. Let it hold up nothing.
    local _, after = front(endpoint, lane)
    pop(endpoint, lane, id, after, 'dead', by.retention, by.now)
    return nil
  end
  local key, mine = P .. 'head:' .. endpoint .. ':' .. lane, by.token .. ':' .. #claimed
  local row = {'token', mine, 'claims', 1}
  -- Nothing is known yet of a head that was never claimed.
  local head = {}
  if where ~= 'fresh:' and where ~= 'edits:' then
    head = fields(key, 'claims', 'attempts', 'first', 'due', 'failures', 'refusals', 'roused')
    row[4] = number(head.claims) + 1
    if where and head.roused then
      redis.call('HDEL', key, 'roused')
      row[5], row[6] = 'woken_at', by.now
    elseif where and number(head.due) > by.now then
      row[5], row[6] = 'revived_at', by.now
    end
  end
  redis.call('HSET', key, unpack(row))
  claimed[#claimed + 1] = {
    endpoint, lane, mine, row[4] - 1 - number(head.attempts), is_slow(endpoint, health) and 1 or 0,
    health.disabled_reported or false,
    id, kind, subject, upstream, sequence, at, body, loss, traceparent, archived,
    head.attempts or false, head.first or false, head.due or false, head.failures or false, head.refusals or false,
    health.kind ~= 'webhook' and redis.call('HGET', P .. 'state:' .. endpoint .. ':' .. subject, 'data'),
    hook_of(endpoint, subject),
    health.kind == 'archive' and redis.call('HGET', P .. 'task:' .. subject, 'sequence')}
  return mine
end

local function lease_of(health, now)
  return now + number(health.lease or 30)
end

-- Claim heads of an endpoint, each given with where its lane waits.
-- Returns how many could be claimed, and the last one's token.
local function take_all(endpoint, health, chosen, by)
  local gone, flight, mine = {}, {}, nil
  for _, one in ipairs(chosen) do
    local lane, where = one[1], one[2]
    if where then
      gone[where] = gone[where] or {}
      table.insert(gone[where], lane)
    end
  end
  write_fresh(endpoint) -- what a lost claim gave back may be there
  entered_fresh[endpoint] = nil
  for where, lanes in pairs(gone) do
    redis.call('ZREM', P .. where .. endpoint, unpack(lanes))
  end
  for _, one in ipairs(chosen) do
    local token = take(endpoint, one[1], health, one[2], by)
    if token then
      mine = token
      flight[#flight + 1] = lease_of(health, by.now)
      flight[#flight + 1] = one[1]
    end
  end
  if not mine then return 0 end
  redis.call('ZADD', P .. 'flight:' .. endpoint, unpack(flight))
  local taken, rate = #flight / 2, number(health.rate)
  -- What begins now uses up the endpoint's limits.
  if rate > 0 then
    change(endpoint, {tokens = tokens_now(health, rate, number(health.burst), by.now) - taken, tokens_at = by.now})
  end
  if number(health.opens) > 0 then change(endpoint, {trial = mine, trial_until = lease_of(health, by.now)}) end
  return taken, mine
end

-- Take back what a worker that is gone had claimed: the lease is over, or further away than any lease can be.
-- Returns how many are in flight, and when the first lease ends.
local function reclaim(endpoint, health, by)
  local flying, lease = look_at_flight(endpoint, health, by.now)
  if not lease or lease > by.now then return flying, lease end
  local flight = P .. 'flight:' .. endpoint
  for _, range in ipairs({{'-inf', by.now}, {by.now + LONGEST_LEASE, '+inf'}}) do
    for _, lane in ipairs(redis.call('ZRANGEBYSCORE', flight, range[1], range[2], 'LIMIT', 0, 200)) do
      put_back(endpoint, lane, by.retention, by.now)
    end
  end
  return look_at_flight(endpoint, health, by.now)
end

-- How many may be claimed at an endpoint that admits any.
local function slots_at(endpoint, health, flying, quota, by)
  local slots = math.min(quota, most_in_flight(health) - flying)
  if is_slow(endpoint, health) then
    slots = math.min(slots, by.slow_limit, is_hook(endpoint) and by.hook_limit or by.slow_limit)
  end
  local rate = number(health.rate)
  if rate > 0 then slots = math.min(slots, math.floor(tokens_now(health, rate, number(health.burst), by.now))) end
  return number(health.opens) > 0 and math.min(slots, 1) or slots
end

-- Claim at an endpoint, so many at most, and note when it is to be served again.
local function serve(endpoint, quota, by)
  local now, health = by.now, known_health(endpoint)
  touched[endpoint] = nil
  local flying, lease = reclaim(endpoint, health, by)
  write_fresh(endpoint)
  local free = admissible(health, flying, now)
  local known = {flying = flying, lease = lease}
  if not free or free > now then return ready_at(endpoint, next_time(endpoint, health, now, known), now) end
  local slots = slots_at(endpoint, health, flying, quota, by)
  if slots < 1 then
    -- Slow ones have their share of this process; let the others come up meanwhile.
    local at = next_time(endpoint, health, now, known)
    return ready_at(endpoint, at and math.max(at, now + 0.05), now)
  end

  local slow, turn = is_slow(endpoint, health), number(health.turn)
  local chosen, due = choose(endpoint, slots, turn, now)
  local taken = take_all(endpoint, health, chosen, by)
  if taken > 0 then
    lease = math.min(lease or math.huge, lease_of(health, now))
    if slow then
      by.slow_limit = by.slow_limit - taken
      if is_hook(endpoint) then by.hook_limit = by.hook_limit - taken end
    end
  end
  if due == false then
    if taken > 0 then change(endpoint, {turn = 1 - turn}) end
    known = {flying = flying + taken, lease = lease}
    return ready_at(endpoint, next_time(endpoint, health, now, known), now)
  end
  free = due and admissible(health, flying + taken, now)
  local at = free and math.max(due, free)
  ready_at(endpoint, at and lease and math.min(at, lease) or at or lease, now)
end

-- The first suspect whose endpoint's limits allow it; nil while another is under way, so
-- that whatever crashes its worker crashes nothing else.
local function first_suspect(now)
  local suspects = redis.call('ZRANGE', P .. 'suspects', 0, 999)
  if #suspects == 0 or redis.call('EXISTS', P .. 'trial') == 1 then return nil end
  local seen = {}
  for _, member in ipairs(suspects) do
    local endpoint, lane = string.match(member, '^([^|]*)|(.*)$')
    if not seen[endpoint] then
      seen[endpoint] = true
      local health = known_health(endpoint)
      local at = admissible(health, count_in_flight(endpoint), now)
      if at and at <= now then return member, endpoint, lane, health end
    end
  end
end

local function serve_suspect(by)
  local member, endpoint, lane, health = first_suspect(by.now)
  if not member then return end
  redis.call('ZREM', P .. 'suspects', member)
  local _, mine = take_all(endpoint, health, {{lane}}, by)
  if mine then redis.call('SET', P .. 'trial', mine, 'PX', math.ceil(number(health.lease or 30) * 1000)) end
  ready_at(endpoint, next_time(endpoint, health, by.now), by.now)
end

-- Take back what was claimed under tokens that were given up, and let no such claim run later.
local function take_back(tokens, by)
  local lost = {}
  for _, token in ipairs(tokens) do
    lost[token] = true
    redis.call('SET', P .. 'void:' .. token, 1, 'EX', VOID_FOR)
  end
  for _, endpoint in ipairs(redis.call('ZRANGE', P .. 'endpoints', 0, -1)) do
    for _, lane in ipairs(redis.call('ZRANGE', P .. 'flight:' .. endpoint, 0, -1)) do
      local holder = redis.call('HGET', P .. 'head:' .. endpoint .. ':' .. lane, 'token')
      if holder and lost[string.match(holder, '^[^:]*')] then
        if known_health(endpoint).trial == holder then change(endpoint, {trial = false, trial_until = false}) end
        end_trial(holder)
        hand_back(endpoint, lane, by.retention, by.now)
        touched[endpoint] = true
      end
    end
  end
end

-- Endpoints where something may be claimed: those that are ready, and those that this script has
-- changed, if anything is left there.
local function servable(now)
  local found = redis.call('ZRANGEBYSCORE', P .. 'ready', '-inf', now, 'LIMIT', 0, 256)
  local listed = {}
  for _, endpoint in ipairs(found) do listed[endpoint] = true end
  for endpoint in pairs(touched) do
    local left = number(known_health(endpoint).pending) + (pending[endpoint] or 0)
    if not listed[endpoint] and left > 0 then found[#found + 1] = endpoint end
  end
  return found
end

-- Make the claim that a script is given from ARGV[2] on. `answer_claim` has to follow.
local function claim(alone, now)
  local by = {token = ARGV[2], limit = tonumber(ARGV[3]), slow_limit = tonumber(ARGV[4]),
    hook_limit = tonumber(ARGV[5]), retention = tonumber(ARGV[6]), now = now}
  if #ARGV > 6 then take_back({unpack(ARGV, 7)}, by) end
  if redis.call('EXISTS', P .. 'void:' .. by.token) == 1 then return end
  if alone then return serve_suspect(by) end
  local ready = servable(now)
  for place, endpoint in ipairs(ready) do
    local left = by.limit - #claimed
    if left < 1 then break end
    serve(endpoint, math.ceil(left / (#ready - place + 1)), by)
  end
end

-- What a claim answers, after `finish`.
local function answer_claim(now)
  local suspects = first_suspect(now) ~= nil
  local next_at = first_score(P .. 'ready')
  -- What this worker has not taken is for the next one; if nothing is left, nobody need come.
  if next_at and next_at <= now then wake('deliver') else redis.call('DEL', P .. 'wakeups:deliver') end
  return {'now', string.format('%.6f', now), 'suspects', suspects and 1 or 0,
    'next_in', next_at and string.format('%.6f', math.max(0, next_at - now)) or false,
    'columns', COLUMNS, 'deliveries', claimed}
end
