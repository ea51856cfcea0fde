-- Note how a claim's request ended, and free its place; after a valid answer, for the next claim.
-- Needs publishing, answering, polled
--
-- Reads and writes  upstream:<upstream>, polling:<upstream>, poll:<upstream>,
--                   requests:<upstream>, wakeups:deliver, and what `publish` and
--                   `claim_tasks` do
-- ARGV[1]           JSON {upstream, token, claimed_at, retention, outcome, hold?, tasks?, reason?,
--                   since?, announce?, event?, endpoints?, extra, step, lease_ends?,
--                   unchanged?, waits?, limits? (see `claim_batch`; without a token, nothing is
--                   claimed)}
-- Returns           what `claim_tasks` does, or nothing
--
-- extra: requests that it took beyond the claim's own; they are paid before the next claim.
-- step: the longest that the answering clock may go on at once, for upstreams that are
-- polled rarely. hold: the answer was not valid; leave the upstream alone for so long.
-- unchanged: tasks of which there is nothing to record; waits: seconds until their next polls.
-- announce: this failure is to be reported by the event, unless one was.
--
-- Requests that were under way side by side say one thing together: once one of them has
-- failed, the others neither count as failures nor as a recovery. An answer that comes
-- after its claim's lease, or again, says nothing at all of the upstream.

local given = cjson.decode(ARGV[1])
local now = clock()
local key = P .. 'upstream:' .. given.upstream
if given.unchanged then put_off(given.upstream, given.lease_ends, given.unchanged, given.waits, now) end
if redis.call('ZREM', P .. 'polling:' .. given.upstream, given.token) == 0 then return false end

local held = fields(key, 'failures', 'failed_at', 'hold_until', 'unhealthy_since', 'answered_at', 'step')
-- A failure in a time to come is one from before the clock was set back.
local failed_at = number(held.failed_at)
local outrun = failed_at <= now and given.claimed_at <= failed_at
local report = false
count('polls:' .. given.upstream .. ':' .. given.outcome)
observe('poll_seconds:' .. given.upstream, now - given.claimed_at)
count_in_slot(P .. 'requests:' .. given.upstream, REQUEST_SLOT, REQUEST_SLOTS, 'all', 1 + given.extra)

if given.extra > 0 then redis.call('HINCRBYFLOAT', key, 'tokens', -given.extra) end
if given.step > LONGEST_STEP then
  redis.call('HSET', key, 'step', given.step)
elseif held.step then
  redis.call('HDEL', key, 'step')
end

if given.hold then
  if not outrun then
    redis.call('HINCRBY', key, 'failures', 1)
    redis.call('HSETNX', key, 'failing_since', given.claimed_at)
  end
  redis.call('HSET', key, 'failed_at', now, 'reason', given.reason,
    'hold_until', math.max(number(held.hold_until), now + given.hold))
  -- The answering clock moves from one valid answer to the next, and over nothing else.
  redis.call('HDEL', key, 'answered_at')
  local due = {}
  for _, task in ipairs(given.tasks) do
    due[#due + 1] = now + given.hold
    due[#due + 1] = task
  end
  if #due > 0 then redis.call('ZADD', P .. 'poll:' .. given.upstream, 'XX', unpack(due)) end
  if given.announce and not held.unhealthy_since then
    redis.call('HSET', key, 'unhealthy_since', given.since)
    report = true
  end
elseif not outrun then
  if held.answered_at then
    redis.call('HINCRBYFLOAT', key, 'clock', string.format('%.6f', clock_step(held, now)))
  end
  redis.call('HSET', key, 'failures', 0, 'answered_at', now, 'valid_at', now)
  redis.call('HDEL', key, 'reason', 'failing_since', 'hold_until', 'unhealthy_since')
  report = held.unhealthy_since
end

report = report and given.event
if report then
  publish(given.event, given.endpoints, given.retention, now)
  wake('deliver')
end
local claim = not given.hold and given.limits.token and claim_batch(given.upstream, given.limits, now)
finish(now)
return claim or false
