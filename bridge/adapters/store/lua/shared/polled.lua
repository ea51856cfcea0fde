-- Tasks are claimed to be polled, and put off.
-- Needs counting

-- What a poller is given of a task, in the order of the columns that it reads.
local FIELDS = {'incarnation', 'version', 'sequence', 'state', 'metadata', 'tracked_at', 'tracked_clock',
  'misses', 'missed_clock', 'parent', 'root', 'action', 'by', 'depth', 'resumed_at'}
local COLUMNS = {'task', unpack(FIELDS)}
-- Longest lease of a request to an upstream.
local LONGEST_POLL = 900
-- Tasks that come due within so many seconds go into one batch.
local GATHER = 0.1
-- Seconds that a lease's end may be off, as a float in JSON; no two claims of a task are so close.
local SAME = 0.00001

-- Give a claim of tasks back that the upstream was not asked about, so that it is due at once.
-- What was recorded, untracked or hurried since has another score. Returns whether it still stood.
local function give_back(upstream, token, now)
  local due, polling = P .. 'poll:' .. upstream, P .. 'polling:' .. upstream
  local lease_ends = redis.call('ZSCORE', polling, token)
  if not lease_ends then return false end
  redis.call('ZREM', polling, token)
  local row = {}
  for _, task in ipairs(redis.call('ZRANGEBYSCORE', due, lease_ends, lease_ends)) do
    row[#row + 1] = now
    row[#row + 1] = task
  end
  if #row > 0 then redis.call('ZADD', due, unpack(row)) end
  return true
end

-- Claim a batch of due tasks of an upstream, within its limits over all workers.
-- limits: token, size, concurrency, rate (tokens a second), burst, lease, ride (seconds within which
-- what comes due goes along with a batch that has room), lost (tokens of claims
-- whose replies the worker never got: they are given back)
-- Returns what `claim_tasks` does.
local function claim_batch(upstream, limits, now)
  for _, token in ipairs(limits.lost) do give_back(upstream, token, now) end
  local key, due, polling = P .. 'upstream:' .. upstream, P .. 'poll:' .. upstream, P .. 'polling:' .. upstream
  local held = fields(key, 'failures', 'failing_since', 'hold_until', 'unhealthy_since', 'clock', 'tokens',
    'tokens_at', 'longest', 'step')
  local concurrency = number(held.failures) > 0 and 1 or limits.concurrency

  local gone = {}
  local function reply(tasks, next_in, needed)
    return {'now', string.format('%.6f', now), 'clock', held.clock, 'failures', held.failures,
      'unhealthy_since', held.unhealthy_since, 'failing_since', held.failing_since,
      'next_in', next_in and string.format('%.6f', next_in), 'due', needed, 'columns', COLUMNS, 'tasks', tasks,
      'gone', gone}
  end

  redis.call('ZREMRANGEBYSCORE', polling, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', polling, now + LONGEST_POLL, '+inf')
  reset_clock(key, held, now)
  local tokens = tokens_now(held, limits.rate, limits.burst, now)
  local hold = wait_end(held.hold_until, math.max(LONGEST_WAIT + 1, number(held.step)), now)
  if redis.call('EXISTS', P .. 'full') == 1 then return reply({}, false, 0) end
  if redis.call('ZCARD', polling) >= concurrency then return reply({}, false, 0) end
  local first = first_score(due)
  if not first then return reply({}, false, 0) end
  local allowed = math.max(hold, tokens < 1 and now + (1 - tokens) / limits.rate or now)
  local next_at = first <= now and allowed or math.max(allowed, first + GATHER)
  local next_in = math.max(0, next_at - now)
  if allowed > now then return reply({}, next_in, 0) end

  local tasks = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limits.size)
  if #tasks == 0 then
    -- Left over from a clock that was set back: nothing else is due so far away.
    local furthest = now + 2 * math.max(LONGEST_WAIT, number(held.longest))
    tasks = redis.call('ZRANGEBYSCORE', due, furthest, '+inf', 'WITHSCORES', 'LIMIT', 0, limits.size)
  end

  local needed = #tasks / 2
  if needed > 0 and needed < limits.size then
    -- They cost no request. One that is under way has its lease's end there, which is later.
    local along = redis.call('ZRANGEBYSCORE', due, '(' .. string.format('%.17g', now), now + limits.ride, 'WITHSCORES',
      'LIMIT', 0, limits.size - needed)
    for place = 1, #along do tasks[#tasks + 1] = along[place] end
  end

  local found, leases = {}, {}
  for place = 1, #tasks, 2 do
    local task = tasks[place]
    local row = task_row(task, unpack(FIELDS))
    if row[1] then
      found[#found + 1] = {task, unpack(row)}
      leases[#leases + 1] = now + limits.lease
      leases[#leases + 1] = task
      if place <= 2 * needed then observe('poll_lag:' .. upstream, now - tasks[place + 1]) end
    else
      redis.call('ZREM', due, task)
      gone[#gone + 1] = task
    end
  end
  if #found == 0 then return reply({}, next_in, 0) end

  redis.call('ZADD', due, unpack(leases))
  redis.call('ZADD', polling, now + limits.lease, limits.token)
  redis.call('HSET', key, 'tokens', tokens - 1, 'tokens_at', now)
  return reply(found, false, math.min(needed, #found))
end

-- Poll claimed tasks again after some seconds. While a task's score is the end of the claim's
-- lease, nobody has claimed, recorded, untracked or hurried it since; others are left alone.
local function put_off(upstream, lease_ends, tasks, waits, now)
  if #tasks == 0 then return end
  local due = P .. 'poll:' .. upstream
  local row, longest = {}, 0
  for place, score in ipairs(redis.call('ZMSCORE', due, unpack(tasks))) do
    if score and math.abs(score - lease_ends) < SAME then
      row[#row + 1] = now + waits[place]
      row[#row + 1] = tasks[place]
      longest = math.max(longest, waits[place])
    end
  end
  if #row > 0 then redis.call('ZADD', due, unpack(row)) end
  note_wait(upstream, longest)
end
