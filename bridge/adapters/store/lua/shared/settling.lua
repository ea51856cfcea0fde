-- Claimed deliveries are settled.
-- Needs lanes
--
-- A claim stands until somebody else makes another, even if its lease is over: what its
-- worker says is better than the suspicion that it died. After that only a success counts.

-- Faults in a row that open the breaker, and how long it stays open at first.
local FAULTS_TO_OPEN, OPEN_FOR = 10, 5

-- Open, keep or close the breaker after an attempt that failed.
local function judge_breaker(endpoint, health, item, now)
  if item.blames then
    local faults, opens = number(health.faults) + 1, number(health.opens)
    local half_open = opens > 0 and now >= number(health.open_until)
    change(endpoint, {faults = faults})
    if half_open or (faults >= FAULTS_TO_OPEN and opens == 0) then
      change(endpoint, {opens = opens + 1, open_until = now + math.min(OPEN_AT_MOST, OPEN_FOR * 2 ^ opens)})
    end
  elseif item.answered then
    change(endpoint, {faults = 0, opens = 0, open_until = 0})
  end
end

-- Count an attempt for metrics, and for how the endpoint did lately.
local function count_attempt(endpoint, item, now)
  local label, delivered = label_of(endpoint), item.disposition == 'delivered'
  count('attempts:' .. label .. ':' .. item.outcome)
  observe('attempt_seconds:' .. label, item.took)
  if delivered and string.sub(item.lane, 1, 1) ~= '~' then observe('delivery_latency:' .. label, now - number(item.at)) end
  count_in_slot(P .. 'slots:' .. endpoint, ATTEMPT_SLOT, ATTEMPT_SLOTS, delivered and bucket_of(item.took) or 'failed',
    1)
end

-- Returns what became of the endpoint: which of the notices are to be published.
local function note_health(endpoint, health, item, now)
  local became = {}
  local latency = number(health.latency)
  if item.took then
    latency = (health.latency and latency or item.took) * 0.8 + item.took * 0.2
    count_attempt(endpoint, item, now)
  end
  -- An attempt may have taken several requests. The bucket may owe them: it fills up from there.
  if item.extra and health.tokens then change(endpoint, {tokens = number(health.tokens) - item.extra}) end
  if item.hold then
    change(endpoint, {hold_until = math.max(number(health.hold_until), now + item.hold)})
  end
  if item.disposition == 'delivered' then
    change(endpoint, {latency = latency, succeeded_at = now})
    if number(health.failures) > 0 or health.disabled_reported then
      change(endpoint, {failures = 0, faults = 0, opens = 0, open_until = 0, failing_since = false})
      -- An action waits for a time, and not for its upstream.
      if not is_upstream(endpoint) then wake_all(endpoint) end
    end
    if health.disabled_reported and item.was_disabled and not health.disabled then
      change(endpoint, {disabled_reported = false})
      became['endpoint.recovered'] = true
    end
    if health.reason and not health.disabled then change(endpoint, {reason = false}) end
    return became
  end
  if item.attempt then
    change(endpoint, {latency = latency, failures = number(health.failures) + 1,
      failing_since = health.failing_since or now})
    if not health.disabled then change(endpoint, {reason = item.reason or ''}) end
    judge_breaker(endpoint, health, item, now)
  end
  if item.disable and not health.disabled then
    change(endpoint, {disabled = 1, disabled_at = now, reason = item.reason or '', disabled_reported = 1})
    became['endpoint.disabled'] = true
  end
  return became
end

-- Save what the channel remembers of the subject, and when it may be told progress again.
local function save_state(item, retention, now)
  if not item.state and not item.edit_in then return end
  local state = P .. 'state:' .. item.endpoint .. ':' .. item.subject
  if item.state then redis.call('HSET', state, 'data', item.state) end
  if item.edit_in then redis.call('HSET', state, 'edited_at', now, 'edit_at', now + item.edit_in) end
  redis.call('EXPIRE', state, math.ceil(retention))
end

-- Let a head wait for its next attempt.
local function wait_again(key, item, now)
  local attempts = redis.call('HINCRBY', key, 'attempts', 1)
  -- A claim in a time to come is one from before the clock was set back.
  local ahead = math.max(0, number(item.claimed_at) - now)
  redis.call('HSET', key, 'claims', attempts, 'first', item.first - ahead, 'due', number(item.due) - ahead,
    'failures', item.failures or 0, 'refusals', item.refusals or 0)
  redis.call('HDEL', key, 'token')
end

-- Settle one delivery; item: as `settle` is given it.
-- Returns nil if that had no effect, or else what it led to: the types of notices that are to be
-- published.
local function settle(item, retention, now)
  local endpoint, lane = item.endpoint, item.lane
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  local id, after = front(endpoint, lane)
  if id ~= item.id then return nil end
  local holder = redis.call('HGET', key, 'token')
  if holder ~= item.token and item.disposition ~= 'delivered' then return nil end

  touched[endpoint] = true
  local health = known_health(endpoint)
  -- After a late success the head is gone, and with it the claim that somebody else has made.
  if holder and holder == health.trial then change(endpoint, {trial = false, trial_until = false}) end
  end_trial(holder)

  if item.disposition == 'returned' then
    if item.unconfigured then change(endpoint, {unconfigured = 1}) end
    hand_back(endpoint, lane, retention, now)
    return {}
  end

  if item.attempt then
    local attempts = P .. 'attempts:' .. item.id
    if redis.call('RPUSH', attempts, item.attempt) > ATTEMPTS_KEPT then redis.call('LPOP', attempts) end
  end
  save_state(item, retention, now)
  -- If the task has another hook by now, it is not this one that ended.
  if item.ends_hook and redis.call('HGET', P .. 'task:' .. item.subject, 'hook_at') == endpoint then
    redis.call('HSET', P .. 'task:' .. item.subject, 'hook_ended', 1)
  end
  local became = note_health(endpoint, health, item, now)
  if item.disposition == 'retry' then
    wait_again(key, item, now)
    put_back(endpoint, lane, retention, now)
    return became
  end
  pop(endpoint, lane, id, after, item.disposition, retention, now)
  if item.disposition == 'dead' then
    redis.call('HSET', P .. 'event:' .. item.id, 'why:' .. endpoint, item.reason or '')
    became['delivery.dead'] = true
  end
  return became
end

-- Settle several, and return 1 or 0 for each: did it have an effect?
local function settle_all(items, retention, now)
  local applied = {}
  for position, item in ipairs(items) do applied[position] = settle(item, retention, now) and 1 or 0 end
  return applied
end

-- Write what was settled, and return what a script replies: whether more can be claimed at once, and
-- what took effect.
local function answer_settle(applied, now)
  finish(now)
  local next_at = first_score(P .. 'ready')
  local more = next_at and next_at <= now
  if more then wake('deliver') end
  return {more and 1 or 0, applied}
end
