-- What all scripts share, and the one place where keys are made.
--
-- Every key begins with KEYS[1], "{<namespace>}:". The braces are Redis Cluster's hash
-- tag: all keys of a deployment live in one slot, so each script may touch any of them.
-- Times are seconds since the epoch as floats, always by this server's clock (TIME).
--
-- schema                     string  the version of this layout
-- tasks                      zset    task -> when it was tracked; a task is "<upstream>:<id>"
-- ended                      zset    task -> when it ended or was untracked
-- task:<task>                hash    incarnation, version, sequence, held, snapshot, status,
--                                    metadata, tracked_at, tracked_clock, misses, missed_clock,
--                                    active ("1" while it is looked at)
-- poll:<upstream>            zset    task -> when to look next; while it is being looked at,
--                                    when its lease ends
-- polling:<upstream>         zset    claim's token -> when its lease ends
-- upstream:<upstream>        hash    failures, failed_at, hold_until, unhealthy_since, reason,
--                                    clock, answered_at, tokens, tokens_at
-- event:<id>                 hash    type, subject, upstream, sequence, at, body,
--                                    open (count of its open deliveries), tried (1 once any
--                                    was attempted), to:<endpoint> = pending | delivered |
--                                    superseded | dead, why:<endpoint> if it is dead
-- events                     zset    event id -> when it was seen: all that are kept
-- told:<subject>             list    of the ids of its newest TOLD_KEPT events, oldest first
-- open                       zset    event id -> when it was seen: those with open deliveries
-- closed                     zset    event id -> when it may be forgotten
-- attempts:<id>              list    of JSON, the newest ATTEMPTS_KEPT attempts of an event
-- lane:<endpoint>:<lane>     list    of event ids, oldest first. A lane is named after the
--                                    events' subject, or "~<event id>" for a redelivery
-- head:<endpoint>:<lane>     hash    of the lane's first event, once it was claimed: token,
--                                    claims, attempts, first, due, failures, refusals, woken_at
-- fresh:<endpoint>           zset    lane -> when its head became one; never attempted
-- retry:<endpoint>           zset    lane -> when its head is to be tried again
-- woken:<endpoint>           zset    lane -> the same, but it may be tried at once
-- flight:<endpoint>          zset    lane -> when the lease of its claimed head ends
-- suspects                   zset    "<endpoint>|<lane>" -> since when; a head that its
--                                    worker did not survive. In none of the four above
-- trial                      string  set while a suspect is attempted: one at a time
-- ready                      zset    endpoint -> when something may be claimed there; paused,
--                                    disabled and full ones are not in it
-- health:<endpoint>          hash    kind, fingerprint, concurrency, rate, burst, lease: from
--                                    the configuration; pending (count), failures, faults,
--                                    failing_since, reason, opens, open_until, trial_until,
--                                    hold_until, paused, disabled, disabled_at, told_disabled,
--                                    away (a worker did not have it configured), tokens, tokens_at, latency, turn, succeeded_at
-- endpoints                  zset    endpoint -> when a worker last had it configured
-- dead:<endpoint>            zset    event id -> when its delivery was given up, newest
--                                    DEAD_KEPT
-- stats                      hash    counters for metrics
-- wake:deliver, wake:poll    string  set while a wake-up is on its way
-- full                       string  set while the store's memory is nearly used up

local P = KEYS[1]

-- Longest lease there is. One that ends later was made by a clock that was set back.
local LONGEST_LEASE = 180
-- An event is served before the backlog for so long.
local FRESH_FOR = 60
-- A lane is woken early at most once in so long.
local WAKE_EVERY = 30
-- Faults in a row that open the breaker; how long it stays open at first and at most.
local FAULTS_TO_OPEN = 10
local OPEN_FOR, OPEN_AT_MOST = 30, 300
-- Seconds of average latency from which an endpoint counts as slow.
local SLOW = 1
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

-- A bucket's tokens now. A clock that was set back adds none.
local function tokens_now(held, rate, burst, now)
  if not held.tokens then return burst end
  local elapsed = math.max(0, now - number(held.tokens_at))
  return math.min(burst, number(held.tokens) + elapsed * rate)
end

local function wake(queue)
  return redis.call('SET', P .. 'wake:' .. queue, 1, 'NX', 'PX', WAKE_GATE) and 1 or 0
end

local function count(name, by)
  redis.call('HINCRBY', P .. 'stats', name, by or 1)
end

-- When something may next be claimed at an endpoint; nil if nothing may.
local function next_time(endpoint, now)
  local health = fields(P .. 'health:' .. endpoint, 'paused', 'disabled', 'away',
    'hold_until', 'opens', 'open_until', 'trial_until', 'concurrency', 'rate', 'burst', 'tokens', 'tokens_at')
  if health.paused or health.disabled or health.away then return nil end
  local flight = P .. 'flight:' .. endpoint
  local lease = first_score(flight)
  local due = redis.call('EXISTS', P .. 'woken:' .. endpoint) == 1 and 0
  local fresh, retry = first_score(P .. 'fresh:' .. endpoint), first_score(P .. 'retry:' .. endpoint)
  if fresh then due = math.min(due or fresh, fresh) end
  if retry then due = math.min(due or retry, retry) end
  if due and redis.call('ZCARD', flight) < number(health.concurrency or 1) then
    due = math.max(due, number(health.hold_until), number(health.open_until))
    if number(health.opens) > 0 then due = math.max(due, number(health.trial_until)) end
    local rate = number(health.rate)
    if rate > 0 then
      local tokens = tokens_now(health, rate, number(health.burst), now)
      if tokens < 1 then due = math.max(due, now + (1 - tokens) / rate) end
    end
  else
    due = nil
  end
  if due and lease then return math.min(due, lease) end
  return due or lease
end

-- Note when an endpoint is to be looked at again. To be called after every change of it.
local function arm(endpoint, now)
  local at = next_time(endpoint, now)
  if at then
    redis.call('ZADD', P .. 'ready', math.max(at, now), endpoint)
  else
    redis.call('ZREM', P .. 'ready', endpoint)
  end
end

-- One delivery of an event is over.
local function close(id, endpoint, state, retention, now)
  local key = P .. 'event:' .. id
  redis.call('HSET', key, 'to:' .. endpoint, state)
  redis.call('HINCRBY', P .. 'health:' .. endpoint, 'pending', -1)
  count('deliveries:' .. endpoint .. ':' .. state)
  if state == 'dead' then
    local dead = P .. 'dead:' .. endpoint
    redis.call('ZADD', dead, now, id)
    redis.call('ZREMRANGEBYRANK', dead, 0, -DEAD_KEPT - 1)
    redis.call('ZREMRANGEBYSCORE', dead, '-inf', now - retention)
  end
  if redis.call('HINCRBY', key, 'open', -1) <= 0 then
    redis.call('ZREM', P .. 'open', id)
    redis.call('ZADD', P .. 'closed', now + retention, id)
    redis.call('EXPIRE', key, math.ceil(retention))
    redis.call('EXPIRE', P .. 'attempts:' .. id, math.ceil(retention))
  end
end

-- Take a lane out of wherever it waits.
local function unplace(endpoint, lane)
  redis.call('ZREM', P .. 'fresh:' .. endpoint, lane)
  redis.call('ZREM', P .. 'retry:' .. endpoint, lane)
  redis.call('ZREM', P .. 'woken:' .. endpoint, lane)
  redis.call('ZREM', P .. 'flight:' .. endpoint, lane)
  redis.call('ZREM', P .. 'suspects', endpoint .. '|' .. lane)
end

-- Put a lane where its head belongs: by now it waits, if there is one.
local function place(endpoint, lane, now)
  if redis.call('EXISTS', P .. 'lane:' .. endpoint .. ':' .. lane) == 0 then return end
  local head = fields(P .. 'head:' .. endpoint .. ':' .. lane, 'first', 'due')
  if head.first then
    redis.call('ZADD', P .. 'retry:' .. endpoint, number(head.due), lane)
  else
    redis.call('ZADD', P .. 'fresh:' .. endpoint, now, lane)
  end
end

-- Remove a lane's head, whose delivery ended in a state, and let the next one come up.
local function pop(endpoint, lane, state, retention, now)
  local id = redis.call('LPOP', P .. 'lane:' .. endpoint .. ':' .. lane)
  redis.call('DEL', P .. 'head:' .. endpoint .. ':' .. lane)
  unplace(endpoint, lane)
  close(id, endpoint, state, retention, now)
  place(endpoint, lane, now)
end

local function is_progress(id)
  return redis.call('HGET', P .. 'event:' .. id, 'type') == 'task.progress'
end

-- Let a lane that waits for its next attempt try at once, if it was not woken lately.
local function rouse(endpoint, lane, now)
  local due = redis.call('ZSCORE', P .. 'retry:' .. endpoint, lane)
  if not due then return end
  local woken_at = redis.call('HGET', P .. 'head:' .. endpoint .. ':' .. lane, 'woken_at')
  if woken_at and now - number(woken_at) < WAKE_EVERY then return end
  redis.call('ZREM', P .. 'retry:' .. endpoint, lane)
  redis.call('ZADD', P .. 'woken:' .. endpoint, due, lane)
end

-- Append an event to a lane. Progress that waits there has been overtaken.
local function append(endpoint, lane, id, retention, now)
  local key = P .. 'lane:' .. endpoint .. ':' .. lane
  local tail = redis.call('LINDEX', key, -1)
  if tail and is_progress(tail) then
    local is_head = redis.call('LLEN', key) == 1
    if not (is_head and redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane)) then
      redis.call('RPOP', key)
      if is_head then
        redis.call('DEL', P .. 'head:' .. endpoint .. ':' .. lane)
        unplace(endpoint, lane)
      end
      close(tail, endpoint, 'superseded', retention, now)
    end
  end
  redis.call('HINCRBY', P .. 'health:' .. endpoint, 'pending', 1)
  if redis.call('RPUSH', key, id) == 1 then
    redis.call('ZADD', P .. 'fresh:' .. endpoint, now, lane)
  else
    rouse(endpoint, lane, now)
  end
  arm(endpoint, now)
end

-- Write an event and put it into the lanes of those who are to hear of it.
-- An event that is already there is not written again: same change, same id.
local function tell(event, endpoints, retention, now)
  local key = P .. 'event:' .. event.id
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'type', event.type, 'subject', event.subject, 'upstream', event.upstream,
    'sequence', event.sequence, 'at', event.at, 'body', event.body, 'open', #endpoints)
  redis.call('ZADD', P .. 'events', event.at, event.id)
  redis.call('RPUSH', P .. 'told:' .. event.subject, event.id)
  redis.call('LTRIM', P .. 'told:' .. event.subject, -TOLD_KEPT, -1)
  count('events:' .. event.type)
  if #endpoints == 0 then
    redis.call('ZADD', P .. 'closed', now + retention, event.id)
    redis.call('EXPIRE', key, math.ceil(retention))
    return
  end
  redis.call('ZADD', P .. 'open', event.at, event.id)
  for _, endpoint in ipairs(endpoints) do
    redis.call('HSET', key, 'to:' .. endpoint, 'pending')
    append(endpoint, event.subject, event.id, retention, now)
  end
end
