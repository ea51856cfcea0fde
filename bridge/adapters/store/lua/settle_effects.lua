#!lua flags=allow-oom
-- Record what came of claimed deliveries, and what follows from that.
-- Needs settling, publishing, actions, hooks
--
-- Reads and writes  what `settle` does, action:<id>, actions:<cell>, and for notices what
--                   `publish` does, for children what `track_children` does
-- ARGV[1]           JSON as for `settle`; an item may have notices, action (see `end_action`), and
--                   archival ({archived (JSON text), publication}: what was kept of the task's
--                   pictures, and the task's next event, that says so)
-- Returns           what `settle` does

local given, now = cjson.decode(ARGV[1]), clock()

-- Whether a task's next event has the number that its maker has given it.
local function is_next(item)
  local task = redis.call('HGET', P .. 'task:' .. item.subject, 'sequence')
  return task and number(task) + 1 == item.archival.publication.event.sequence
end

-- Note what was kept of a task's pictures, and publish that. A poll that is under way is
-- overtaken, because its event would have the same number.
local function note_archived(item, retention, now)
  local news, key = item.archival.publication, P .. 'task:' .. item.subject
  local task = fields(key, 'hook', 'hook_at', 'hook_ended')
  redis.call('HSET', key, 'sequence', news.event.sequence, 'archived', item.archival.archived)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('HSET', P .. 'event:' .. item.id, 'archived', item.archival.archived)
  if hook_gets(news.hook, task) then
    news.endpoints[#news.endpoints + 1] = task.hook_at
  end
  end_picture_waits(item.id, item.subject, now)
  publish(news.event, news.endpoints, retention, now)
  redis.call('HSET', P .. 'event:' .. news.event.id, 'archived', item.archival.archived)
end

local function settle_one(item)
  if item.archival and not is_next(item) then item = {disposition = 'returned', endpoint = item.endpoint,
    lane = item.lane, id = item.id, token = item.token} end
  local became = settle(item, given.retention, now)
  if not became then return 0 end
  if item.archival then note_archived(item, given.retention, now) end
  if item.action then
    local reported = end_action(item.id, item.action, item.token, now)
    if reported then became[reported] = true end
  end
  for _, notice in ipairs(item.notices or {}) do
    if became[notice.event.type] then publish(notice.event, notice.endpoints, given.retention, now) end
  end
  return 1
end

local applied = {}
for position, item in ipairs(given.items) do applied[position] = settle_one(item) end
return answer_settle(applied, now)
