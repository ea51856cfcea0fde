-- Effects that a request asks for: each takes place once, however often it is asked for.

-- A request is known for so long, in seconds.
local REQUEST_KEPT = 86400

-- Count what a request has led to, over all its effects.
local function count_for(request, name, by)
  if request ~= '' then redis.call('HINCRBY', P .. 'request:' .. request, name, by) end
end

-- Do something for a request, or reply as it did at first. '' stands for no request: then it
-- is done. `part` tells a request's effects from one another.
local function once(request, part, effect)
  if request == '' then return effect() end
  local key, field = P .. 'request:' .. request, 'reply:' .. part
  local kept = redis.call('HGET', key, field)
  if kept then return cjson.decode(kept) end
  local reply = effect()
  redis.call('HSET', key, field, cjson.encode(reply), 'begun', 1)
  redis.call('EXPIRE', key, REQUEST_KEPT)
  return reply
end
