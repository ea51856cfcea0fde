-- Lanes: the events that wait for an endpoint, one after the other for each subject.
-- Needs deliveries

-- A lane is woken early at most once in so long.
local WAKE_EVERY = 30

-- By endpoint: whether one message is edited all the way there.
local editing = {}
-- By endpoint: how long a picture is waited for there. By event: false if it is known that
-- nobody keeps its pictures.
local picture_waits, keeping = {}, {}
-- The token of the suspect that is attempted, once it was read; false if there is none.
local suspect_trial

local function kind_of(id)
  return redis.call('HGET', P .. 'event:' .. id, 'type')
end

-- Whether events of a kind are superseded by newer ones of their task. Progress is; and where
-- a message is edited in place so is every step, as nobody is to see there what is over.
local function is_passing(endpoint, kind)
  if kind == 'task.progress' then return true end
  if kind ~= 'task.submitted' and kind ~= 'task.started' then return false end
  if editing[endpoint] == nil then
    editing[endpoint] = redis.call('HGET', P .. 'health:' .. endpoint, 'edits') == '1'
  end
  return editing[endpoint]
end

-- Until when an event waits at an endpoint for its pictures to be kept; nil if it does not.
local function picture_wait(endpoint, id, kind, now)
  if kind ~= 'task.succeeded' and kind ~= 'task.corrected' then return nil end
  if keeping[id] == false then return nil end
  if not picture_waits[endpoint] then
    picture_waits[endpoint] = number(redis.call('HGET', P .. 'health:' .. endpoint, 'wait'))
  end
  if picture_waits[endpoint] <= 0 then return nil end
  local upstream = redis.call('HGET', P .. 'event:' .. id, 'upstream')
  if redis.call('HGET', P .. 'event:' .. id, 'to:archive:' .. upstream) ~= 'pending' then return nil end
  -- While it is being published it is not among the open ones yet.
  local since = math.min(now, tonumber(redis.call('ZSCORE', P .. 'open', id) or now))
  local at = since + picture_waits[endpoint]
  return at > now and at or nil
end

-- Where a lane may be, the likeliest first.
local PLACES = {'flight:', 'fresh:', 'retry:', 'woken:', 'edits:'}

-- Take a lane out of wherever it waits: that is one place, at most.
local function unplace(endpoint, lane)
  write_fresh(endpoint)
  entered_fresh[endpoint] = nil
  for _, where in ipairs(PLACES) do
    if redis.call('ZREM', P .. where .. endpoint, lane) == 1 then return end
  end
  redis.call('ZREM', P .. 'suspects', endpoint .. '|' .. lane)
end

-- Put a lane whose head is new where it waits.
local function enter(endpoint, lane, id, kind, now)
  local picture_at = picture_wait(endpoint, id, kind, now)
  if picture_at then
    redis.call('ZADD', P .. 'retry:' .. endpoint, picture_at, lane)
  elseif is_passing(endpoint, kind) then
    local at = now
    if kind == 'task.progress' then
      local state = fields(P .. 'state:' .. endpoint .. ':' .. lane, 'edited_at', 'edit_at')
      -- An edit in a time to come is one from before the clock was set back.
      if number(state.edited_at) <= now then at = math.max(now, number(state.edit_at)) end
    end
    redis.call('ZADD', P .. 'edits:' .. endpoint, at, lane)
  else
    local rows = entered_fresh[endpoint] or {}
    entered_fresh[endpoint] = rows
    rows[#rows + 1], rows[#rows + 2] = now, lane
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
    enter(endpoint, lane, id, kind_of(id), now)
  end
end

-- Keep when a lane was last woken: that is once in a while, whichever event is its head.
local function stamp(key, stamps, now)
  for name, at in pairs(stamps) do
    if lately(at, WAKE_EVERY, now) then redis.call('HSET', key, name, at) end
  end
end

-- The first two events of a lane.
local function front(endpoint, lane)
  return unpack(redis.call('LRANGE', P .. 'lane:' .. endpoint .. ':' .. lane, 0, 1))
end

-- Remove a lane's head, whose delivery ended in a state, and let the one after it come up.
local function pop(endpoint, lane, id, after, state, retention, now)
  local key, list = P .. 'head:' .. endpoint .. ':' .. lane, P .. 'lane:' .. endpoint .. ':' .. lane
  unplace(endpoint, lane)
  close(id, endpoint, state, retention, now)
  if not after then return redis.call('DEL', list, key) end
  local stamps = fields(key, 'woken_at', 'revived_at')
  redis.call('LPOP', list)
  redis.call('DEL', key)
  stamp(key, stamps, now)
  enter(endpoint, lane, after, kind_of(after), now)
end

-- What was kept of an event's pictures is known: nobody waits for it any more.
local function end_picture_waits(id, subject, now)
  local row = redis.call('HGETALL', P .. 'event:' .. id)
  for place = 1, #row, 2 do
    local endpoint = row[place + 1] == 'pending' and string.match(row[place], '^to:(.*)$')
    if endpoint and redis.call('EXISTS', P .. 'head:' .. endpoint .. ':' .. subject) == 0
      and redis.call('LINDEX', P .. 'lane:' .. endpoint .. ':' .. subject, 0) == id
      and redis.call('ZREM', P .. 'retry:' .. endpoint, subject) == 1 then
      redis.call('ZADD', P .. 'fresh:' .. endpoint, now, subject)
      touched[endpoint] = true
    end
  end
end

-- A head that is no longer in flight, and was not delivered: a passing one is superseded if
-- there is anything newer, any other waits where it belongs.
local function put_back(endpoint, lane, retention, now)
  local id, after = front(endpoint, lane)
  if after and is_passing(endpoint, kind_of(id)) then
    pop(endpoint, lane, id, after, 'superseded', retention, now)
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

-- Remove a passing head that is not in flight, for the news behind it. If it was tried, the
-- news wakes the lane, which it may do once in a while; otherwise the news waits, but no
-- longer than what it replaces would have.
-- Returns whether the news has to wait.
local function supersede(endpoint, lane, retention, now)
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

-- The attempt of a claim is over. If it was the suspect's, the next suspect may be attempted.
local function end_trial(token)
  if not token then return end
  if suspect_trial == nil then suspect_trial = redis.call('GET', P .. 'trial') end
  if suspect_trial == token then
    redis.call('DEL', P .. 'trial')
    suspect_trial = false
  end
end

-- Append an event to a lane. What is passing, and waits at its end, is superseded.
local function append(endpoint, lane, id, kind, retention, now)
  local key = P .. 'lane:' .. endpoint .. ':' .. lane
  expect(endpoint, 1)
  local length = redis.call('RPUSH', key, id)
  if length == 1 then return enter(endpoint, lane, id, kind, now) end
  local before = redis.call('LINDEX', key, -2)
  if is_passing(endpoint, kind_of(before)) then
    if length > 2 then
      redis.call('LREM', key, -1, before)
      close(before, endpoint, 'superseded', retention, now)
    elseif not redis.call('ZSCORE', P .. 'flight:' .. endpoint, lane) then
      if supersede(endpoint, lane, retention, now) then return place(endpoint, lane, now) end
      return enter(endpoint, lane, id, kind, now)
    end
  end
  rouse(endpoint, lane, now)
end
