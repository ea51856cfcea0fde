-- Record polls of tasks, as `record` does, and press what rules press because of them.
-- Needs recording, actions
--
-- Reads and writes  what `record` and `create_action` do, limited:<rule>
-- Reads             rules:paused
-- ARGV              as for `record`; a poll may have actions (see `create_action`)
-- Returns           what `record` does

-- Report that a rule drops presses, once for as long as its limit is about.
local function report_limit(action, retention, now)
  local told, notice = P .. 'limited:' .. action.limit.name, action.limited
  if not notice or not redis.call('SET', told, 1, 'NX', 'EX', math.ceil(action.limit.seconds)) then return false end
  publish(notice.event, notice.endpoints, retention, now)
  return #notice.endpoints > 0
end

local function press(actions, retention, now)
  if redis.call('EXISTS', P .. 'rules:paused') == 1 then return false end
  local queued = false
  for _, action in ipairs(actions) do
    local is_new, is_dropped = create_action(action, now)
    queued = is_new or queued
    if is_dropped then queued = report_limit(action, retention, now) or queued end
  end
  return queued
end

return record_polls(cjson.decode(ARGV[1]), press)
