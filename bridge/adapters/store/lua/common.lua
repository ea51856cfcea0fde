-- What all scripts share, and the one place where keys are made.
--
-- Every key begins with KEYS[1], "{<namespace>}:". The braces are Redis Cluster's hash
-- tag: all keys of a deployment live in one slot, so each script may touch any of them.
-- Times are seconds since the epoch as floats, always by this server's clock (TIME).
--
-- schema                     string  the version of this layout
-- tasks                      zset    task -> when it was tracked; a task is "<upstream>:<id>"
-- ended                      zset    task -> when it ended or was untracked; later, if it was to
--                                    be forgotten and its events were still kept
-- task:<task>                hash    incarnation, version, sequence, held, snapshot, status,
--                                    metadata, tracked_at, tracked_clock, misses, missed_clock,
--                                    active ("1" while it is looked at)
-- poll:<upstream>            zset    task -> when to look next; while it is being looked at,
--                                    when its lease ends
-- polling:<upstream>         zset    claim's token -> when its lease ends
-- upstream:<upstream>        hash    failures, failing_since, failed_at, hold_until,
--                                    unhealthy_since, reason, clock, answered_at (of the last
--                                    answer if that was valid), tokens (below 0: requests that
--                                    a claim took beyond its own), tokens_at, longest (wait
--                                    between two looks, where it is more than an hour), step
--                                    (the clock's longest, where it is more than LONGEST_STEP)
-- event:<id>                 hash    type, subject, upstream, sequence, at, body, loss (of a task
--                                    that was lost, JSON: kind and seconds), open (count of its open deliveries), to:<endpoint> =
--                                    pending | delivered | superseded | dead,
--                                    why:<endpoint> if it is dead, again:<endpoint> (when it
--                                    was last asked to be sent again)
-- events                     zset    event id -> when it was seen: all that are kept
-- told:<subject>             list    of the ids of its newest TOLD_KEPT events, oldest first
-- open                       zset    event id -> when it was seen, or was last to be sent
--                                    again: those with open deliveries
-- closed                     zset    event id -> when it may be forgotten
-- attempts:<id>              list    of JSON, the newest ATTEMPTS_KEPT attempts of an event
-- lane:<endpoint>:<lane>     list    of event ids, oldest first. A lane is named after the
--                                    events' subject, or "~<event id>" for a redelivery
-- head:<endpoint>:<lane>     hash    of the lane's first event, once it was claimed: token,
--                                    claims, attempts, first, due, failures, refusals, woken_at
--                                    (tried early because of news), revived_at (because the
--                                    endpoint was back), roused ("1" while news has moved its
--                                    next attempt forward)
-- fresh:<endpoint>           zset    lane -> when its head became one; never attempted
-- edits:<endpoint>           zset    lane -> when its head, which is on its task's way, may be
--                                    told; never attempted. They are served after all others
-- memory:<endpoint>:<subject> hash   data (JSON, what a channel remembers of a subject), edited_at,
--                                    edit_at (when progress of it may be told again)
-- retry:<endpoint>           zset    lane -> when its head is to be tried again: when it is due,
--                                    or earlier
-- woken:<endpoint>           zset    lane -> the same, but the endpoint is back, and it may be
--                                    tried at once
-- flight:<endpoint>          zset    lane -> when the lease of its claimed head ends
-- suspects                   zset    "<endpoint>|<lane>" -> since when; a head that its
--                                    worker did not survive. In none of the five above
-- trial                      string  the token of the suspect that is attempted: one at a time
-- ready                      zset    endpoint -> when something may be claimed there; paused,
--                                    disabled and full ones are not in it
-- health:<endpoint>          hash    kind, fingerprint, concurrency, rate, burst, lease, edits ("1"
--                                    where one message is edited all the way): from the
--                                    configuration; pending (count), failures, faults,
--                                    failing_since, reason, opens, open_until, trial (token) and
--                                    trial_until while it is half-open, hold_until, paused,
--                                    disabled, disabled_at, told_disabled, away (a worker did
--                                    not have it configured), tokens, tokens_at, latency, turn,
--                                    succeeded_at
-- endpoints                  zset    endpoint -> when a worker last had it configured
-- dead:<endpoint>            zset    event id -> when its delivery was given up, newest
--                                    DEAD_KEPT
-- stats                      hash    counters for metrics
-- wake:deliver, wake:poll    string  set while a wake-up is on its way
-- full                       string  set while the store's memory is nearly used up
-- void:<token>               string  set for a while after a claim whose reply its worker never got
-- heartbeat                  string  when the sweep last ran because of a tick
-- clock                      hash    seen (when the sweep last ran at all); and while what waits
--                                    follows a clock that was set back, step (by how much) and
--                                    <set> (the score up to which its members were moved)

local P = KEYS[1]

-- Longest lease of a delivery, longest time that an endpoint can be held. What ends later
-- was written before the clock was set back, and is treated as over.
local LONGEST_LEASE = 180
local LONGEST_HOLD = 86401
-- Longest lease of a request to an upstream.
local LONGEST_POLL = 900
-- Longest wait between two looks at a task, unless its upstream is looked at more rarely.
local LONGEST_WAIT = 3600
-- The answering clock's longest step: while nobody asks, nobody answers either.
local LONGEST_STEP = 120
-- Tasks that come due within so many seconds go into one batch.
local GATHER = 0.1
-- An event is served before the backlog for so long.
local FRESH_FOR = 60
-- A lane is woken early at most once in so long.
local WAKE_EVERY = 30
-- Woken lanes that one claim looks at, at most.
local LOOKED_AT = 300
-- Faults in a row that open the breaker; how long it stays open at first and at most.
local FAULTS_TO_OPEN = 10
local OPEN_FOR, OPEN_AT_MOST = 5, 300
-- Seconds of average latency from which an endpoint counts as slow.
local SLOW = 1
-- Attempts in flight at an endpoint that has never ended one.
local UNPROVEN = 5
-- Who asks for the same redelivery again within so long has asked twice.
local ASKED_TWICE = 30
local ATTEMPTS_KEPT = 50
local DEAD_KEPT = 100000
local TOLD_KEPT = 500
-- How long a wake-up is waited for before another one is sent, in milliseconds.
local WAKE_GATE = 500

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function number(value)
  return tonumber(value or 0) or 0
end

-- HMGET as a table by name; what is not there is false.
local function fields(key, ...)
  local names = {...}
  local values = redis.call('HMGET', key, unpack(names))
  local found = {}
  for place, name in ipairs(names) do found[name] = values[place] end
  return found
end

-- The score of a zset's first member; nil if it is empty.
local function first_score(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2])
end

local function last_score(key)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  return last[2] and tonumber(last[2])
end

-- A time at which a wait ends; 0 if it is further away than that wait can be.
local function wait_end(at, longest, now)
  at = number(at)
  return at <= now + longest and at or 0
end

-- Whether something was less than some seconds ago.
local function lately(at, seconds, now)
  return at and now - tonumber(at) < seconds and now >= tonumber(at)
end

-- How far an upstream's answering clock goes on from its last valid answer to now.
local function clock_step(held, now)
  return math.min(math.max(0, now - number(held.answered_at)), math.max(LONGEST_STEP, number(held.step)))
end

-- A bucket's tokens now. A clock that was set back adds none.
local function tokens_now(held, rate, burst, now)
  if not held.tokens then return burst end
  local elapsed = math.max(0, now - number(held.tokens_at))
  -- What is a whole token but for rounding is one: it is waited for to the microsecond.
  return math.min(burst, number(held.tokens) + elapsed * rate + 0.000001)
end

-- A bucket that was last used in a time to come flows again from now on: the clock was set
-- back, and nobody is to wait until it has caught up.
local function reset_clock(key, held, now)
  if number(held.tokens_at) <= now then return end
  redis.call('HSET', key, 'tokens_at', now)
  held.tokens_at = now
end

local function wake(queue)
  return redis.call('SET', P .. 'wake:' .. queue, 1, 'NX', 'PX', WAKE_GATE) and 1 or 0
end

-- What a script changes again and again is added up, and written once, by `finish`.
local counted, pending, touched = {}, {}, {}

local function count(name)
  counted[name] = (counted[name] or 0) + 1
end

-- What the limits of an endpoint depend on.
local LIMITS = {'paused', 'disabled', 'away', 'hold_until', 'opens', 'open_until', 'trial_until', 'concurrency',
  'rate', 'burst', 'tokens', 'tokens_at', 'lease', 'latency', 'failures', 'told_disabled', 'turn', 'kind'}

local function health_of(endpoint)
  return fields(P .. 'health:' .. endpoint, unpack(LIMITS))
end

-- How many more attempts may be in flight at an endpoint. One that was never tried may hang
-- for ever, and gets a few at first.
local function free_slots(endpoint, health)
  local most = number(health.concurrency or 1)
  if not health.latency then most = math.min(most, UNPROVEN) end
  return most - redis.call('ZCARD', P .. 'flight:' .. endpoint)
end

-- When an endpoint's limits let one more attempt begin; nil if its own time does not do it.
local function admissible(endpoint, health, now)
  if health.paused or health.disabled or health.away or free_slots(endpoint, health) < 1 then return nil end
  local at = math.max(wait_end(health.hold_until, LONGEST_HOLD, now), wait_end(health.open_until, OPEN_AT_MOST, now))
  if number(health.opens) > 0 then at = math.max(at, wait_end(health.trial_until, LONGEST_LEASE, now)) end
  local rate = number(health.rate)
  if rate > 0 then
    local tokens = tokens_now(health, rate, number(health.burst), now)
    if tokens < 1 then at = math.max(at, now + (1 - tokens) / rate) end
  end
  return at
end

-- When something may next be claimed at an endpoint; nil if nothing may.
local function next_time(endpoint, health, now)
  if health.paused or health.disabled or health.away then return nil end
  local flight = P .. 'flight:' .. endpoint
  local lease, last = first_score(flight), last_score(flight)
  if last and last > now + LONGEST_LEASE then return now end
  local due = redis.call('EXISTS', P .. 'fresh:' .. endpoint, P .. 'woken:' .. endpoint) > 0 and 0
    or first_score(P .. 'retry:' .. endpoint)
  local edit = first_score(P .. 'edits:' .. endpoint)
  if edit then due = math.min(due or edit, edit) end
  local free = due and admissible(endpoint, health, now)
  if not free then return lease end
  return math.min(math.max(due, free), lease or math.huge)
end

-- Note when an endpoint is to be looked at again. To be called after every change of it.
local function arm(endpoint, now)
  local at = next_time(endpoint, health_of(endpoint), now)
  if at then
    redis.call('ZADD', P .. 'ready', math.max(at, now), endpoint)
  else
    redis.call('ZREM', P .. 'ready', endpoint)
  end
end

-- Note that deliveries have come to an endpoint, or have come to their end.
local function expect(endpoint, by)
  pending[endpoint] = (pending[endpoint] or 0) + by
  touched[endpoint] = true
end

-- Write what was added up. Every script that may have changed lanes ends with it.
local function finish(now)
  for name, by in pairs(counted) do redis.call('HINCRBY', P .. 'stats', name, by) end
  for endpoint, by in pairs(pending) do
    if by ~= 0 and redis.call('HINCRBY', P .. 'health:' .. endpoint, 'pending', by) == by then
      -- It may never have been configured where deliveries are made: the sweep has to know.
      redis.call('ZADD', P .. 'endpoints', 'NX', now, endpoint)
    end
  end
  for endpoint in pairs(touched) do arm(endpoint, now) end
end

-- One delivery of an event is over.
local function close(id, endpoint, state, retention, now)
  local key = P .. 'event:' .. id
  expect(endpoint, -1)
  local open = redis.call('HGET', key, 'open')
  if not open then return end
  open = tonumber(open) - 1
  redis.call('HSET', key, 'to:' .. endpoint, state, 'open', open)
  count('deliveries:' .. endpoint .. ':' .. state)
  if state == 'dead' then
    local dead = P .. 'dead:' .. endpoint
    redis.call('ZADD', dead, now, id)
    redis.call('ZREMRANGEBYRANK', dead, 0, -DEAD_KEPT - 1)
    redis.call('ZREMRANGEBYSCORE', dead, '-inf', now - retention)
    redis.call('EXPIRE', dead, math.ceil(retention))
  end
  if open <= 0 then
    redis.call('ZREM', P .. 'open', id)
    redis.call('ZADD', P .. 'closed', now + retention, id)
    redis.call('EXPIRE', key, math.ceil(retention))
    redis.call('EXPIRE', P .. 'attempts:' .. id, math.ceil(retention))
  end
end

local function kind_of(id)
  return redis.call('HGET', P .. 'event:' .. id, 'type')
end

-- Whether events of a kind give way to news of their task. Progress does; and where a message
-- is edited in place all that is on the way does, as nobody is to see there what is over.
local function is_passing(endpoint, kind)
  if kind == 'task.progress' then return true end
  if kind ~= 'task.submitted' and kind ~= 'task.started' then return false end
  return redis.call('HGET', P .. 'health:' .. endpoint, 'edits') == '1'
end

-- Take a lane out of wherever it waits: that is one place, at most.
local function unplace(endpoint, lane)
  for _, where in ipairs({'flight:', 'fresh:', 'retry:', 'woken:', 'edits:'}) do
    if redis.call('ZREM', P .. where .. endpoint, lane) == 1 then return end
  end
  redis.call('ZREM', P .. 'suspects', endpoint .. '|' .. lane)
end

-- Put a lane whose head is new where it waits.
local function enter(endpoint, lane, kind, now)
  if is_passing(endpoint, kind) then
    local at = now
    if kind == 'task.progress' then
      local memory = fields(P .. 'memory:' .. endpoint .. ':' .. lane, 'edited_at', 'edit_at')
      -- An edit in a time to come is one from before the clock was set back.
      if number(memory.edited_at) <= now then at = math.max(now, number(memory.edit_at)) end
    end
    redis.call('ZADD', P .. 'edits:' .. endpoint, at, lane)
  else
    redis.call('ZADD', P .. 'fresh:' .. endpoint, now, lane)
  end
end

-- Put a lane where its head belongs: by now it waits, if there is one.
local function place(endpoint, lane, now)
  local id = redis.call('LINDEX', P .. 'lane:' .. endpoint .. ':' .. lane, 0)
  if not id then return end
  local head = fields(P .. 'head:' .. endpoint .. ':' .. lane, 'due', 'claims', 'attempts')
  if number(head.claims) > number(head.attempts) then
    redis.call('ZADD', P .. 'suspects', now, endpoint .. '|' .. lane)
  elseif head.due then
    redis.call('ZADD', P .. 'retry:' .. endpoint, number(head.due), lane)
  else
    enter(endpoint, lane, kind_of(id), now)
  end
end

-- Keep when a lane was last woken: that is once in a while, whichever event is its head.
local function stamp(key, stamps, now)
  for name, at in pairs(stamps) do
    if lately(at, WAKE_EVERY, now) then redis.call('HSET', key, name, at) end
  end
end

-- Remove a lane's head, whose delivery ended in a state, and let the next one come up.
local function pop(endpoint, lane, state, retention, now)
  local list, key = P .. 'lane:' .. endpoint .. ':' .. lane, P .. 'head:' .. endpoint .. ':' .. lane
  local id = redis.call('LPOP', list)
  local stamps = fields(key, 'woken_at', 'revived_at')
  redis.call('DEL', key)
  unplace(endpoint, lane)
  close(id, endpoint, state, retention, now)
  local after = redis.call('LINDEX', list, 0)
  if not after then return end
  stamp(key, stamps, now)
  enter(endpoint, lane, kind_of(after), now)
end

-- A head that is not in flight any more, and was not delivered: what is on the way gives
-- way to news, anything else waits where it belongs.
local function put_back(endpoint, lane, retention, now)
  local list = P .. 'lane:' .. endpoint .. ':' .. lane
  if redis.call('LLEN', list) > 1 and is_passing(endpoint, kind_of(redis.call('LINDEX', list, 0))) then
    pop(endpoint, lane, 'superseded', retention, now)
  else
    unplace(endpoint, lane)
    place(endpoint, lane, now)
  end
end

-- News lets a lane that waits for its next attempt try at once; or, if news has done so
-- lately, as soon as it may again.
local function rouse(endpoint, lane, now)
  local due = redis.call('ZSCORE', P .. 'retry:' .. endpoint, lane)
  if not due then return end
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  local woken_at = redis.call('HGET', key, 'woken_at')
  local at = lately(woken_at, WAKE_EVERY, now) and tonumber(woken_at) + WAKE_EVERY or now
  if at < tonumber(due) then
    redis.call('ZADD', P .. 'retry:' .. endpoint, at, lane)
    redis.call('HSET', key, 'roused', 1)
  end
end

-- Remove what is on its way, is all there is in a lane, and is not in flight. If it was
-- tried, the news that takes its place wakes the lane, which it may do once in a while;
-- otherwise it waits, but no longer than what it replaces would have.
-- Returns whether the news has to wait.
local function give_way(endpoint, lane, retention, now)
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  local head = fields(key, 'due', 'woken_at', 'revived_at')
  local id = redis.call('LPOP', P .. 'lane:' .. endpoint .. ':' .. lane)
  redis.call('DEL', key)
  unplace(endpoint, lane)
  close(id, endpoint, 'superseded', retention, now)
  stamp(key, {woken_at = head.woken_at, revived_at = head.revived_at}, now)
  if not head.due then return false end
  if not lately(head.woken_at, WAKE_EVERY, now) then
    redis.call('HSET', key, 'woken_at', now)
    return false
  end
  redis.call('HSET', key, 'due', math.min(number(head.due), tonumber(head.woken_at) + WAKE_EVERY), 'roused', 1)
  return true
end

-- A claim that nothing came of, though its worker lives: it counts as if never made.
local function hand_back(endpoint, lane, retention, now)
  local key = P .. 'head:' .. endpoint .. ':' .. lane
  redis.call('HINCRBY', key, 'claims', -1)
  redis.call('HDEL', key, 'token', 'woken_at', 'revived_at')
  put_back(endpoint, lane, retention, now)
  -- It may have been woken, and still is: nothing was sent.
  rouse(endpoint, lane, now)
end

-- End what a claim was the only one for: an endpoint's half-open breaker, or all suspects.
local function end_trial(endpoint, token)
  if not token then return end
  local key = P .. 'health:' .. endpoint
  if redis.call('HGET', key, 'trial') == token then redis.call('HDEL', key, 'trial', 'trial_until') end
  if redis.call('GET', P .. 'trial') == token then redis.call('DEL', P .. 'trial') end
end

-- Append an event to a lane. What is on the way, and waits there, has been overtaken.
local function append(endpoint, lane, id, kind, retention, now)
  local key, waits = P .. 'lane:' .. endpoint .. ':' .. lane, false
  local tail = redis.call('LINDEX', key, -1)
  if tail and is_passing(endpoint, kind_of(tail)) then
    if redis.call('LLEN', key) > 1 then
      redis.call('RPOP', key)
      close(tail, endpoint, 'superseded', retention, now)
    elseif not redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane) then
      waits = give_way(endpoint, lane, retention, now)
    end
  end
  expect(endpoint, 1)
  if redis.call('RPUSH', key, id) > 1 then
    rouse(endpoint, lane, now)
  elseif waits then
    place(endpoint, lane, now)
  else
    enter(endpoint, lane, kind, now)
  end
end

-- Write an event and put it into the lanes of those who are to hear of it.
-- An event that is already there is not written again: same change, same id.
local function tell(event, endpoints, retention, now)
  local key = P .. 'event:' .. event.id
  if redis.call('EXISTS', key) == 1 then return end
  local states = {}
  for _, endpoint in ipairs(endpoints) do
    states[#states + 1] = 'to:' .. endpoint
    states[#states + 1] = 'pending'
  end
  redis.call('HSET', key, 'type', event.type, 'subject', event.subject, 'upstream', event.upstream,
    'sequence', event.sequence, 'at', event.at, 'body', event.body, 'open', #endpoints, unpack(states))
  if event.loss then redis.call('HSET', key, 'loss', event.loss) end
  redis.call('ZADD', P .. 'events', now, event.id)
  local told = P .. 'told:' .. event.subject
  if redis.call('RPUSH', told, event.id) > TOLD_KEPT then redis.call('LPOP', told) end
  -- A task's is forgotten with the task. Nothing is tracked of an endpoint or an upstream.
  if string.sub(event.subject, 1, 1) == '@' then redis.call('EXPIRE', told, math.ceil(retention)) end
  count('events:' .. event.type)
  if #endpoints == 0 then
    redis.call('ZADD', P .. 'closed', now + retention, event.id)
    redis.call('EXPIRE', key, math.ceil(retention))
    return
  end
  redis.call('ZADD', P .. 'open', now, event.id)
  for _, endpoint in ipairs(endpoints) do append(endpoint, event.subject, event.id, event.type, retention, now) end
end
