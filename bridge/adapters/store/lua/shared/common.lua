-- What all scripts share, and the one place that describes the keys.
--
-- Every key begins with KEYS[1], "{<namespace>}:". The braces are Redis Cluster's hash
-- tag: all keys of a deployment live in one slot, so each script may touch any of them.
-- Times are seconds since the epoch as floats, always by this server's clock (TIME).
-- A task is "<upstream>:<id>". An upstream's name has no colon; an endpoint's may have any
-- character, so it comes last, or before a lane, which is looked up and never parsed.
--
-- schema                     string  the version of this layout
-- secret_key                 string  what signs sessions and links where no settings name one
--
-- Tasks
-- task:<task>                hash    incarnation, version, sequence, state (JSON), snapshot (JSON),
--                                    status (as people filter by it: LOST if it is lost, empty if
--                                    it was never seen), words (to search in: a bounded part of
--                                    the prompt, in lower case), metadata (JSON), tracked_at,
--                                    tracked_clock, resumed_at (when it was last named while it
--                                    waited for a person), seen_at (when the snapshot was), misses,
--                                    missed_clock, active ("1" while it is polled), hook (JSON: url
--                                    and format of its own receiver), hook_at (the endpoint that
--                                    stands for the hook's origin), hook_ended ("1" once that
--                                    receiver has said that it is gone), hook_refused (why it has
--                                    none, if one was asked for with its submission), archived (JSON:
--                                    the files that were kept of its pictures, and why others were
--                                    not); of a child
--                                    also parent and root (ids of tasks), and of what an action made
--                                    also action (its id), by (who asked for it), depth (generations
--                                    from what nobody here asked for)
-- ended                      zset    task -> when it ended or was untracked; later, if it was to
--                                    be forgotten and its events were still kept
-- poll:<upstream>            zset    task -> when to poll it next; while it is being polled,
--                                    when its lease ends
-- polling:<upstream>         zset    claim's token -> when its lease ends
-- upstream:<upstream>        hash    failures, failing_since, failed_at, hold_until,
--                                    unhealthy_since, reason, clock, answered_at (of the last
--                                    answer if that was valid), valid_at (of the last valid one),
--                                    tokens (below 0: requests that a claim took beyond its own),
--                                    tokens_at, longest (wait between two polls, where it is more
--                                    than an hour), step (the clock's longest, where it is more
--                                    than LONGEST_STEP)
-- ages:<upstream>            hash    "<kind>:<stage>" -> counts: how old tasks were when they began
--                                    or ended; see learn.lua
-- requests:<upstream>        hash    "<minute>:all" -> requests in it
--
-- Events
-- event:<id>                 hash    type, subject, upstream, sequence, at, body, loss (of a task
--                                    that was lost, JSON: kind and seconds), traceparent (of the
--                                    trace that recorded it, if there was one), open (count of its
--                                    open deliveries), to:<endpoint> = pending | delivered |
--                                    superseded | dead, why:<endpoint> if it is dead,
--                                    again:<endpoint> (when it was last asked to be sent again),
--                                    archived (as the task's, of this event's pictures)
-- history:<subject>          list    of the ids of its newest events, oldest first
-- open                       zset    event id -> when it was recorded, or was last to be sent
--                                    again: those with open deliveries
-- closed                     zset    event id -> when it is to be forgotten
-- attempts:<id>              list    of JSON, the newest attempts of an event
-- feed                       stream  id (an event's): all events, in the order in which they were
--                                    recorded
-- settled                    stream  "<event id>|<endpoint>" -> state: the deliveries that a step ended
--                                    or queued again
--
-- Actions
-- action:<id>                hash    kind, upstream, task, custom_id, label, state, child, code,
--                                    reason, by, created_at, sent_at, ended_at, as they are shown; order
--                                    (JSON: what is sent), not_before, modal (the task that waits
--                                    for a prompt), looks (for what was not answered); for the
--                                    child: metadata, hook, hook_at, max_origins. Its delivery is
--                                    the event of the same id, of type "action", which no list of
--                                    events has
-- presses:<task>             list    of the ids of its presses, oldest first
-- rule:<name>                zset    action's id -> when it is made: the presses of a rule that count
--                                    towards its limit
-- limited:<name>             string  set for a while after a rule was reported to drop presses
-- rules:paused               string  set while no rule presses anything
-- rounds:<task>              hash    customId of what may be pressed again -> "<round> <action>"
--
-- Lists: each row lies in exactly one cell, that of its facets; see cells.lua
-- tasks:<upstream>:<status>:<active>  zset    task -> when it was tracked
-- events:<upstream>:<type>            zset    event id -> when it was seen
-- deliveries:<state>:<endpoint>       zset    "<event id>|<endpoint>" -> when the event was seen
-- actions:<upstream>:<state>          zset    action's id -> when it was asked for
-- cells:<list>                        set     the cells of a list that have rows, or had
--
-- Deliveries
-- lane:<endpoint>:<lane>     list    of event ids, oldest first. A lane is named after the
--                                    events' subject, or "~<event id>" for a redelivery
-- head:<endpoint>:<lane>     hash    of the lane's first event, once it was claimed: token,
--                                    claims, attempts, first, due, failures, refusals, woken_at
--                                    (tried early because of news), revived_at (because the
--                                    endpoint was back), roused ("1" while news has moved its
--                                    next attempt forward)
-- fresh:<endpoint>           zset    lane -> when its head became one; never attempted
-- edits:<endpoint>           zset    lane -> when its head, which may be superseded, may be
--                                    attempted; never was. They are served after all others
-- retry:<endpoint>           zset    lane -> when its head is to be tried again: when it is due,
--                                    or earlier
-- woken:<endpoint>           zset    lane -> the same, but the endpoint is back, and it may be
--                                    tried at once
-- flight:<endpoint>          zset    lane -> when the lease of its claimed head ends
-- suspects                   zset    "<endpoint>|<lane>" -> since when; a head that its
--                                    worker did not survive. In none of the five above
-- trial                      string  the token of the suspect that is attempted: one at a time
-- state:<endpoint>:<subject> hash    data (JSON, the channel's state), edited_at, edit_at (when
--                                    progress of the subject may be delivered again)
-- ready                      zset    endpoint -> when something may be claimed there; paused,
--                                    disabled and full ones are not in it
-- health:<endpoint>          hash    kind, fingerprint, concurrency, rate, burst, lease, edits ("1"
--                                    where one message is edited all the way), wait (how long a
--                                    picture is waited for): from the configuration; pending (count), failures, faults,
--                                    failing_since, reason, opens, open_until, trial (token) and
--                                    trial_until while it is half-open, hold_until, paused,
--                                    disabled, disabled_at, disabled_reported, unconfigured (a
--                                    worker did not have it configured), tokens, tokens_at,
--                                    latency, turn, succeeded_at
-- endpoints                  zset    endpoint -> when a worker last had it configured
-- hooks                      hash    endpoint that stands for the hooks of an origin -> how many
--                                    tasks have one there
-- slots:<endpoint>           hash    "<five minutes>:<outcome>" -> attempts; the outcome is failed,
--                                    or a bucket of the seconds that a success took
--
-- The archive. A file is named after its content, and those that tasks share are there once
-- picture:<name>             hash    bytes, holders (how many tasks have it), deleting (since when;
--                                    then nobody has it)
-- kept                       zset    "<name>|<task>" -> when it was kept
-- unkept                     zset    name -> since when nobody has it: to be deleted
-- archive                    hash    files, bytes: of all that somebody has
--
-- kept:click_error:<endpoint> string why its clicks could not be fetched, for a minute; other
--                                    texts that expire are kept beside it, see ExpiringTexts
--
-- The deployment
-- counters                   hash    for metrics, see counting.lua
-- wakeups:deliver,           list    of one element while something is due that no worker was told
-- wakeups:poll                       of: workers with nothing to do wait for it
-- full                       string  set while the store's memory is nearly used up
-- request:<name>             hash    fingerprint, holder and until (of the claim to work on it), begun
--                                    ("1" once it has had an effect), reply:<part> (JSON, of each
--                                    effect), queued (deliveries), status, media_type, body (of the
--                                    answer); see requests.lua
-- void:<token>               string  set for a while after a claim whose reply its worker never got
-- id                         string  tells the deployment from others; nothing depends on it
-- heartbeat                  string  when the sweep last ran because of a tick
-- workers                    zset    "<queue>|<digest of the configuration>" -> when a worker was last there
-- clock                      hash    seen (when the sweep last ran at all); and while what waits
--                                    follows a clock that was set back, step (by how much) and
--                                    <set> (the score up to which its members were moved)

local P = KEYS[1]

-- Longest lease of a delivery, longest time that an endpoint can be held. What ends later
-- was written before the clock was set back, and is treated as over.
local LONGEST_LEASE = 180
local LONGEST_HOLD = 86401
-- Longest wait between two polls of a task, unless its upstream is polled more rarely.
local LONGEST_WAIT = 3600

local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function number(value)
  return tonumber(value or 0) or 0
end

-- HMGET as a table by name; what is not there is false.
local function fields(key, ...)
  local found, values = {}, redis.call('HMGET', key, ...)
  for place, name in ipairs({...}) do found[name] = values[place] end
  return found
end

-- HMGET of a task's row; one that somebody has written over counts as gone, and costs no other.
local function task_row(task, ...)
  local row = redis.pcall('HMGET', P .. 'task:' .. task, ...)
  if not row.err then return row end
  local none = {}
  for place = 1, select('#', ...) do none[place] = false end
  return none
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

-- Keep how long a task of an upstream waits for its next poll, if that is longer than usual.
local function note_wait(upstream, wait)
  local key = P .. 'upstream:' .. upstream
  if wait > LONGEST_WAIT and wait > number(redis.call('HGET', key, 'longest')) then
    redis.call('HSET', key, 'longest', wait)
  end
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

-- Wake one of the workers that wait for a queue's work; while all are busy, the next that is not.
local function wake(queue)
  local key = P .. 'wakeups:' .. queue
  if redis.call('EXISTS', key) == 0 then redis.call('LPUSH', key, 1) end
end
