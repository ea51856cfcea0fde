-- Begin to look at tasks.
--
-- Reads and writes  task:<task>, tasks, ended, poll:<upstream>, upstream:<upstream>, wake:poll
-- ARGV[1]           JSON {upstream, incarnation, metadata (JSON text), ids}
-- Returns           {wake the poller?, 1 or 0 for each id: newly tracked or known}
--
-- A task that ended, or was untracked, is looked at again; its sequence goes on.

local given = cjson.decode(ARGV[1])
local now = clock()
local due = P .. 'poll:' .. given.upstream
local gateway = P .. 'upstream:' .. given.upstream
local active, tracked = {}, 0

for place, id in ipairs(given.ids) do
  active[place] = redis.call('HGET', P .. 'task:' .. given.upstream .. ':' .. id, 'active')
  if active[place] ~= '1' then tracked = tracked + 1 end
end

-- New tasks are timed from now. So the answering clock is put right first: it has gone on
-- if tasks were looked at, and stood still if there were none.
local held = fields(gateway, 'clock', 'answered_at', 'step')
local answering = number(held.clock)
if tracked > 0 and held.answered_at then
  if redis.call('EXISTS', due) == 1 then
    answering = answering + clock_step(held, now)
  end
  redis.call('HSET', gateway, 'clock', string.format('%.6f', answering), 'answered_at', now)
end

local news = {}
for place, id in ipairs(given.ids) do
  local task = given.upstream .. ':' .. id
  local key = P .. 'task:' .. task
  if active[place] == '1' then
    news[place] = 0
  else
    redis.call('HSETNX', key, 'held', '')
    redis.call('HSETNX', key, 'snapshot', '')
    redis.call('HSETNX', key, 'sequence', 0)
    if not active[place] or given.metadata ~= '{}' then
      redis.call('HSET', key, 'metadata', given.metadata)
    end
    redis.call('HSET', key, 'active', '1', 'incarnation', given.incarnation, 'version', 0,
      'tracked_at', now, 'tracked_clock', answering, 'misses', 0, 'missed_clock', 0)
    redis.call('ZADD', P .. 'tasks', now, task)
    redis.call('ZREM', P .. 'ended', task)
    redis.call('ZADD', due, now, task)
    news[place] = 1
  end
end

return {tracked > 0 and wake('poll') or 0, news}
