-- When an endpoint's limits let attempts begin.
-- Needs cells

-- How long the breaker stays open at most.
local OPEN_AT_MOST = 300
-- Attempts in flight at an endpoint that has never ended one.
local UNPROVEN = 5
-- Attempts in flight that are read in one command, in place of three that count them and find two: as
-- many as an endpoint may have unless settings say otherwise.
local FEW = 20

-- What the names of endpoints begin with that stand for all hooks of an origin, and for the
-- actions at an upstream.
local HOOK, UPSTREAM = 'hook:', 'upstream:'

local function is_hook(endpoint)
  return string.sub(endpoint, 1, #HOOK) == HOOK
end

local function is_upstream(endpoint)
  return string.sub(endpoint, 1, #UPSTREAM) == UPSTREAM
end

-- What is known of an endpoint. All of it: to look up by name what decisions depend on costs more.
local function health_of(endpoint)
  local health, row = {}, redis.call('HGETALL', P .. 'health:' .. endpoint)
  for place = 1, #row, 2 do health[row[place]] = row[place + 1] end
  return health
end

-- Whether an endpoint holds what it has, for as long as nobody changes that.
local function holds(health)
  return health.paused or health.disabled or health.unconfigured
end

-- How many attempts may be in flight at an endpoint. One that was never tried may hang for
-- ever, and gets a few at first.
local function most_in_flight(health)
  local most = number(health.concurrency or 1)
  return health.latency and most or math.min(most, UNPROVEN)
end

local function count_in_flight(endpoint)
  return redis.call('ZCARD', P .. 'flight:' .. endpoint)
end

-- When the rate allows one more attempt.
local function next_token(health, now)
  local rate = number(health.rate)
  if rate <= 0 then return now end
  local tokens = tokens_now(health, rate, number(health.burst), now)
  return tokens < 1 and now + (1 - tokens) / rate or now
end

-- When an endpoint's limits let one more attempt begin beside those in flight; nil if its own
-- time does not do it.
local function admissible(health, flying, now)
  if holds(health) or flying >= most_in_flight(health) then return nil end
  local at = math.max(wait_end(health.hold_until, LONGEST_HOLD, now), wait_end(health.open_until, OPEN_AT_MOST, now))
  if number(health.opens) > 0 then at = math.max(at, wait_end(health.trial_until, LONGEST_LEASE, now)) end
  local token_at = next_token(health, now)
  return token_at > now and math.max(at, token_at) or at
end

-- By endpoint: what a script puts into `fresh`, and has not written yet. It is there as long as the
-- script has taken nothing out.
local entered_fresh = {}

-- Write what waits at an endpoint for the first time: before its `fresh` is read.
local function write_fresh(endpoint)
  local rows = entered_fresh[endpoint]
  if not rows or #rows == 0 then return end
  call_with('ZADD', P .. 'fresh:' .. endpoint, rows)
  entered_fresh[endpoint] = {}
end

-- When the first of what waits at an endpoint, and is no suspect, is due; nil if nothing waits.
local function first_due(endpoint)
  if entered_fresh[endpoint] then return 0 end
  if redis.call('EXISTS', P .. 'fresh:' .. endpoint, P .. 'woken:' .. endpoint) > 0 then return 0 end
  local retry, edits = P .. 'retry:' .. endpoint, P .. 'edits:' .. endpoint
  if redis.call('EXISTS', retry, edits) == 0 then return nil end
  return math.min(first_score(retry) or math.huge, first_score(edits) or math.huge)
end

-- When the first lease at an endpoint ends; nil if nothing is in flight, and now if there is one
-- that is longer than any can be.
local function lease_end(endpoint, flying, now)
  if flying == 0 then return nil end
  local first = first_score(P .. 'flight:' .. endpoint)
  local last = flying == 1 and first or last_score(P .. 'flight:' .. endpoint)
  return last > now + LONGEST_LEASE and now or first
end

-- How many attempts are in flight at an endpoint, and when the first lease ends, as `lease_end` says.
local function look_at_flight(endpoint, health, now)
  if most_in_flight(health) > FEW then
    local flying = count_in_flight(endpoint)
    return flying, lease_end(endpoint, flying, now)
  end
  local row = redis.call('ZRANGE', P .. 'flight:' .. endpoint, 0, -1, 'WITHSCORES')
  if #row == 0 then return 0 end
  return #row / 2, tonumber(row[#row]) > now + LONGEST_LEASE and now or tonumber(row[2])
end

-- When something may next be claimed at an endpoint; nil if nothing may. What the caller knows is
-- not asked again: how many are flying with the end of their first lease (nil if none is), or when
-- the first of what waits is due.
local function next_time(endpoint, health, now, known)
  if holds(health) then return nil end
  local flying = known and known.flying or count_in_flight(endpoint)
  local free = admissible(health, flying, now)
  local due = free and (known and known.due or first_due(endpoint))
  local at = due and math.max(due, free)
  if at and at <= now then return at end
  local lease
  if known and known.flying then lease = known.lease else lease = lease_end(endpoint, flying, now) end
  return at and lease and math.min(at, lease) or at or lease or nil
end

-- Note when an endpoint is to be served again: never, if that is nil. `write_sets` has to follow.
local function ready_at(endpoint, at, now)
  put('ready', at and math.max(at, now) or false, endpoint)
end

-- Note the same, after any change of it.
local function arm(endpoint, now)
  ready_at(endpoint, next_time(endpoint, health_of(endpoint), now), now)
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
