#!lua flags=allow-oom
-- Record what came of claimed deliveries.
--
-- Reads and writes  lane: head:<endpoint>:<lane>, memory:<endpoint>:<subject>,
--                   fresh: retry: woken: edits: flight: dead:<endpoint>, health:<endpoint>,
--                   event:<id>, attempts:<id>, open, closed, ready, suspects, trial, and for
--                   notices what `tell` does
-- ARGV[1]           JSON {retention, items: [{endpoint, lane, id, token, fate, away, ...}]}
--                   fate is delivered | retry | dead | returned. All but returned have
--                   attempt (JSON text; not if it died untried), outcome, took, blames,
--                   answered, claimed_at, first, due, failures, refusals, reason, disable, hold, notices,
--                   was_disabled (as the claim said), subject, memory?, edit_in,
--                   extra
-- Returns           {1 if more can be claimed at once, 1 or 0 for each item: took effect?}
--
-- A claim stands until somebody else makes another, even if its lease is over: what its
-- worker says is better than the suspicion that it died. After that only a success counts.
-- allow-oom: this is the way out when memory is full. Repeating it changes nothing: the
-- head is gone, or its token is.

local given = cjson.decode(ARGV[1])
local now = clock()
local applied = {}

-- Open, keep or close the breaker after an attempt that failed.
local function judge_breaker(key, item)
  local health = fields(key, 'faults', 'opens', 'open_until')
  if item.blames then
    local faults = redis.call('HINCRBY', key, 'faults', 1)
    local half_open = number(health.opens) > 0 and now >= number(health.open_until)
    if half_open or (faults >= FAULTS_TO_OPEN and number(health.opens) == 0) then
      local opens = redis.call('HINCRBY', key, 'opens', 1)
      redis.call('HSET', key, 'open_until', now + math.min(OPEN_AT_MOST, OPEN_FOR * 2 ^ (opens - 1)))
    end
  elseif item.answered then
    redis.call('HSET', key, 'faults', 0, 'opens', 0, 'open_until', 0)
  end
end

-- Let everything that waits for another attempt try at once. Renaming costs the same for
-- one lane and for a hundred thousand; if some are awake already, the fewer join the more.
local function wake_all(endpoint)
  local retry, woken = P .. 'retry:' .. endpoint, P .. 'woken:' .. endpoint
  if redis.call('EXISTS', retry) == 0 then return end
  local asleep, awake = redis.call('ZCARD', retry), redis.call('ZCARD', woken)
  local from, to = retry, woken
  if awake < asleep and awake <= 1000 then from, to = woken, retry end
  local moved = redis.call('ZRANGE', from, 0, 999, 'WITHSCORES')
  for place = 1, #moved, 2 do redis.call('ZADD', to, moved[place + 1], moved[place]) end
  redis.call('ZREMRANGEBYRANK', from, 0, 999)
  if to == retry and redis.call('EXISTS', woken) == 0 then redis.call('RENAME', retry, woken) end
end

-- Returns what became of the endpoint: which of the notices are to be told.
local function note_health(endpoint, health, item)
  local key = P .. 'health:' .. endpoint
  local became = {}
  local latency = number(health.latency)
  if item.took then
    latency = (health.latency and latency or item.took) * 0.8 + item.took * 0.2
    count('attempts:' .. endpoint .. ':' .. item.outcome)
  end
  -- An attempt may have taken several requests. The bucket may owe them: it fills up from there.
  if item.extra > 0 and redis.call('HEXISTS', key, 'tokens') == 1 then
    redis.call('HINCRBYFLOAT', key, 'tokens', -item.extra)
  end
  if item.hold and item.hold > 0 then
    redis.call('HSET', key, 'hold_until', math.max(number(health.hold_until), now + item.hold))
  end
  if item.fate == 'delivered' then
    redis.call('HSET', key, 'latency', latency, 'succeeded_at', now)
    if number(health.failures) > 0 or health.told_disabled then
      redis.call('HSET', key, 'failures', 0, 'faults', 0, 'opens', 0, 'open_until', 0)
      redis.call('HDEL', key, 'failing_since')
      wake_all(endpoint)
    end
    if health.told_disabled and item.was_disabled and not health.disabled then
      redis.call('HDEL', key, 'told_disabled')
      became['endpoint.recovered'] = true
    end
    if health.reason and not health.disabled then redis.call('HDEL', key, 'reason') end
    return became
  end
  if item.attempt then
    redis.call('HSET', key, 'latency', latency, 'failures', number(health.failures) + 1)
    redis.call('HSETNX', key, 'failing_since', now)
    if not health.disabled then redis.call('HSET', key, 'reason', item.reason) end
    judge_breaker(key, item)
  end
  if item.disable and not health.disabled then
    redis.call('HSET', key, 'disabled', 1, 'disabled_at', now, 'reason', item.reason, 'told_disabled', 1)
    became['endpoint.disabled'] = true
  end
  return became
end

local function settle(item)
  local endpoint, lane = item.endpoint, item.lane
  local list, key = P .. 'lane:' .. endpoint .. ':' .. lane, P .. 'head:' .. endpoint .. ':' .. lane
  if redis.call('LINDEX', list, 0) ~= item.id then return false end
  local holder = redis.call('HGET', key, 'token')
  local mine = holder == item.token
  if not mine and item.fate ~= 'delivered' then return false end

  touched[endpoint] = true
  local health = fields(P .. 'health:' .. endpoint, 'failures', 'disabled', 'told_disabled', 'latency', 'reason',
    'hold_until')
  -- After a late success the head is gone, and with it the claim that somebody else has made.
  end_trial(endpoint, holder)

  if item.fate == 'returned' then
    if item.away then redis.call('HSET', P .. 'health:' .. endpoint, 'away', 1) end
    hand_back(endpoint, lane, given.retention, now)
    return true
  end

  if item.attempt then
    local attempts = P .. 'attempts:' .. item.id
    if redis.call('RPUSH', attempts, item.attempt) > ATTEMPTS_KEPT then redis.call('LPOP', attempts) end
  end
  local memory = P .. 'memory:' .. endpoint .. ':' .. item.subject
  if item.memory then redis.call('HSET', memory, 'data', item.memory) end
  if item.edit_in > 0 then redis.call('HSET', memory, 'edited_at', now, 'edit_at', now + item.edit_in) end
  if item.memory or item.edit_in > 0 then redis.call('EXPIRE', memory, math.ceil(given.retention)) end
  local became = note_health(endpoint, health, item)
  if item.fate == 'retry' then
    local attempts = redis.call('HINCRBY', key, 'attempts', 1)
    -- A claim in a time to come is one from before the clock was set back.
    local ahead = math.max(0, item.claimed_at - now)
    redis.call('HSET', key, 'claims', attempts, 'first', item.first - ahead, 'due', item.due - ahead,
      'failures', item.failures, 'refusals', item.refusals)
    redis.call('HDEL', key, 'token')
    put_back(endpoint, lane, given.retention, now)
  else
    pop(endpoint, lane, item.fate, given.retention, now)
    if item.fate == 'dead' then
      redis.call('HSET', P .. 'event:' .. item.id, 'why:' .. endpoint, item.reason)
      became['delivery.dead'] = true
    end
  end
  for _, notice in ipairs(item.notices or {}) do
    if became[notice.event.type] then tell(notice.event, notice.endpoints, given.retention, now) end
  end
  return true
end

for position, item in ipairs(given.items) do
  applied[position] = settle(item) and 1 or 0
end
finish(now)

local next_at = first_score(P .. 'ready')
return {next_at and next_at <= now and 1 or 0, applied}
