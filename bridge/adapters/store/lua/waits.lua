#!lua flags=no-writes
-- Read why open deliveries wait.
-- Needs limits
--
-- Reads     event:<id>, lane: head:<endpoint>:<lane>, health:<endpoint>, fresh: retry: woken: edits:
--           flight:<endpoint>, suspects, trial, full, workers
-- ARGV      event id and endpoint of each, a few hundred at most
-- Returns   for each its facts, each with its name before it; none if it is not open

local now = clock()
local full, trial = unpack(redis.call('MGET', P .. 'full', P .. 'trial'))
local heartbeat
local workers = redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
for place = 1, #workers, 2 do
  if string.match(workers[place], '^deliver|') then heartbeat = workers[place + 1] end
end

local function facts_of(id, endpoint)
  local key = P .. 'event:' .. id
  local event = fields(key, 'to:' .. endpoint, 'subject')
  if event['to:' .. endpoint] ~= 'pending' then return {} end

  local facts = {}
  local function say(name, value)
    if not value then return end
    facts[#facts + 1] = name
    facts[#facts + 1] = type(value) == 'number' and string.format('%.6f', value) or value
  end
  local function say_to_come(name, at)
    if at > now then say(name, at) end
  end

  local health = health_of(endpoint)
  say('now', now)
  say('paused_at', health.paused)
  say('disabled_at', health.disabled and (health.disabled_at or now))
  say('unconfigured', health.unconfigured)
  say('reason', health.reason)
  say_to_come('hold_until', wait_end(health.hold_until, LONGEST_HOLD, now))
  say_to_come('open_until', wait_end(health.open_until, OPEN_AT_MOST, now))
  if number(health.opens) > 0 then say_to_come('trial_until', wait_end(health.trial_until, LONGEST_LEASE, now)) end
  say_to_come('next_token_at', next_token(health, now))
  say('in_flight', count_in_flight(endpoint))
  say('concurrency', most_in_flight(health))
  say('memory_full', full)
  say('heartbeat', heartbeat)
  say('suspect_trial', trial)

  local lane = redis.call('EXISTS', P .. 'lane:' .. endpoint .. ':~' .. id) == 1 and '~' .. id or event.subject
  local first = redis.call('LINDEX', P .. 'lane:' .. endpoint .. ':' .. lane, 0)
  if first and first ~= id then
    say('behind', first)
    say('behind_sequence', redis.call('HGET', P .. 'event:' .. first, 'sequence'))
    return facts
  end
  local head = fields(P .. 'head:' .. endpoint .. ':' .. lane, 'attempts', 'due')
  say('attempts', head.attempts)
  say('attempted_until', redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane))
  say('suspect', redis.call('ZSCORE', P .. 'suspects', endpoint .. '|' .. lane))
  for _, where in ipairs({'fresh:', 'edits:', 'retry:'}) do
    say('next_at', redis.call('ZSCORE', P .. where .. endpoint, lane))
  end
  if redis.call('ZSCORE', P .. 'woken:' .. endpoint, lane) then say('next_at', now) end
  return facts
end

local found = {}
for place = 1, #ARGV, 2 do found[#found + 1] = facts_of(ARGV[place], ARGV[place + 1]) end
return found
