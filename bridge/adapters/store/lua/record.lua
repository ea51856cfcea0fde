-- Record looks at tasks: snapshot, event, the event's deliveries and the next look.
--
-- Reads and writes  task:<task>, poll:<upstream>, upstream:<upstream>, ended, wake:deliver,
--                   and what `tell` does
-- ARGV[1]           JSON {retention, looks: [{task, upstream, incarnation, version, next_in?,
--                   held?, snapshot?, status?, written?, misses, missed_clock, event?,
--                   endpoints?}]}
-- Returns           {wake a deliverer?, 1 or 0 for each look: recorded or overtaken}
--
-- All versions are compared before anything is written: whoever recorded a look at the
-- same version first has won, and the loser changes nothing.

local given = cjson.decode(ARGV[1])
local now = clock()
local applied, told, longest = {}, false, {}

for place, look in ipairs(given.looks) do
  local task = fields(P .. 'task:' .. look.task, 'incarnation', 'version', 'active')
  local current = task.incarnation == look.incarnation and number(task.version) == look.version
  applied[place] = current and task.active == '1' and 1 or 0
end

for place, look in ipairs(given.looks) do
  if applied[place] == 1 then
    local key = P .. 'task:' .. look.task
    if look.next_in then
      redis.call('ZADD', P .. 'poll:' .. look.upstream, now + look.next_in, look.task)
      longest[look.upstream] = math.max(longest[look.upstream] or 0, look.next_in)
    else
      redis.call('ZREM', P .. 'poll:' .. look.upstream, look.task)
      redis.call('HSET', key, 'active', '0')
      redis.call('ZADD', P .. 'ended', now, look.task)
    end
    if look.held then redis.call('HSET', key, 'held', look.held, 'status', look.status) end
    if look.snapshot then redis.call('HSET', key, 'snapshot', look.snapshot) end
    if look.written then
      redis.call('HSET', key, 'version', look.version + 1, 'misses', look.misses,
        'missed_clock', look.missed_clock)
    end
    if look.event then
      redis.call('HSET', key, 'sequence', look.event.sequence)
      tell(look.event, look.endpoints, given.retention, now)
      told = told or #look.endpoints > 0
    end
  end
end

for upstream, wait in pairs(longest) do
  local key = P .. 'upstream:' .. upstream
  if wait > LONGEST_WAIT and wait > number(redis.call('HGET', key, 'longest')) then
    redis.call('HSET', key, 'longest', wait)
  end
end

finish(now)
return {told and wake('deliver') or 0, applied}
