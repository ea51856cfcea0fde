-- Polls of tasks are recorded: snapshot, event, the event's deliveries and the next poll.
-- Needs publishing, hooks
--
-- All versions are compared before anything is written: whoever recorded a poll at the
-- same version first has won, and the loser changes nothing.

-- given: as `record` is. press makes what rules press because of an event; it returns whether a
-- deliverer should be woken.
-- Returns what `record` does.
local function record_polls(given, press)
  local now = clock()
  local tasks, applied, events, published, longest = {}, {}, {}, false, {}

  for place, poll in ipairs(given.polls) do
    local task = fields(P .. 'task:' .. poll.task, 'incarnation', 'version', 'active', 'status', 'tracked_at', 'hook',
      'hook_at', 'hook_ended', 'resumed_at')
    local current = task.incarnation == poll.incarnation and number(task.version) == poll.version
    tasks[place] = task
    applied[place] = current and task.active == '1' and 1 or 0
    if poll.event and applied[place] == 1 then events[#events + 1] = poll.event.id end
  end
  look_for(events)

  local function record(poll, task)
    local changed = {}
    local function set(name, value)
      changed[#changed + 1] = name
      changed[#changed + 1] = value
    end

    if poll.next_in then
      -- What was seen before somebody named it again does not put that look off.
      local resumed = number(task.resumed_at) ~= number(poll.resumed_at)
      put('poll:' .. poll.upstream, resumed and now or now + poll.next_in, poll.task)
      longest[poll.upstream] = math.max(longest[poll.upstream] or 0, poll.next_in)
    else
      put('poll:' .. poll.upstream, false, poll.task)
      put('ended', now, poll.task)
      set('active', '0')
    end
    if poll.state then
      set('state', poll.state)
      set('status', poll.status)
    end
    if poll.snapshot then
      set('snapshot', ARGV[1 + poll.snapshot])
      set('words', poll.words)
      set('seen_at', now)
    end
    if poll.written then
      set('version', poll.version + 1)
      set('misses', poll.misses)
      set('missed_clock', poll.missed_clock)
    end
    if poll.event then set('sequence', poll.event.sequence) end
    if #changed > 0 then redis.call('HSET', P .. 'task:' .. poll.task, unpack(changed)) end

    local before = task_cell(poll.upstream, task.status, '1')
    local after = task_cell(poll.upstream, poll.status or task.status, poll.next_in and '1' or '0')
    if after ~= before then
      leave_cell('tasks', before, poll.task)
      enter_cell('tasks', after, task.tracked_at, poll.task)
    end
    if poll.event then
      if hook_gets(poll.hook, task) then
        poll.endpoints[#poll.endpoints + 1] = task.hook_at
      end
      poll.event.body = ARGV[1 + poll.event.body]
      publish(poll.event, poll.endpoints, given.retention, now)
      published = published or #poll.endpoints > 0
    end
    if poll.actions then published = press(poll.actions, given.retention, now) or published end
  end

  for place, poll in ipairs(given.polls) do
    if applied[place] == 1 then record(poll, tasks[place]) end
  end

  for upstream, wait in pairs(longest) do note_wait(upstream, wait) end
  finish(now)
  if published then wake('deliver') end
  return applied
end
