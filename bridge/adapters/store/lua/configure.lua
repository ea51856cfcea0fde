#!lua flags=allow-oom
-- Note what workers have configured of the endpoints.
-- Needs limits
--
-- Reads and writes  health:<endpoint>, endpoints, ready
-- ARGV[1]           JSON [{name, kind, concurrency, rate, burst, lease, edits, wait, fingerprint}]
-- Returns           the names whose URL is another than before
--
-- A changed URL is a new receiver: what was held against the old one is forgotten, a pause
-- included. That it was disabled is still known, so that its recovery is reported.

local now = clock()
local changed = {}
for _, endpoint in ipairs(cjson.decode(ARGV[1])) do
  local key = P .. 'health:' .. endpoint.name
  local before = redis.call('HGET', key, 'fingerprint')
  redis.call('HSET', key, 'kind', endpoint.kind, 'concurrency', endpoint.concurrency, 'rate', endpoint.rate,
    'burst', endpoint.burst, 'lease', endpoint.lease, 'edits', endpoint.edits, 'wait', endpoint.wait,
    'fingerprint', endpoint.fingerprint)
  if before and before ~= endpoint.fingerprint then
    redis.call('HDEL', key, 'paused', 'disabled', 'disabled_at', 'reason', 'faults', 'opens', 'open_until', 'trial',
      'trial_until', 'hold_until')
    changed[#changed + 1] = endpoint.name
  end
  redis.call('HDEL', key, 'unconfigured')
  redis.call('ZADD', P .. 'endpoints', now, endpoint.name)
  arm(endpoint.name, now)
end
write_sets()
return changed
