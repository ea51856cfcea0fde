#!lua flags=allow-oom
-- Pause an endpoint, or resume one that was paused or disabled.
-- Needs limits, requests
--
-- Reads and writes  health:<endpoint>, retry: woken:<endpoint>, ready, wakeups:deliver, request:<name>
-- ARGV              endpoint, pause | resume, a request's name (or empty)
-- Returns           1 if that changed anything
--
-- Resuming lets everything that waits try at once, whether or not the endpoint was held: whoever
-- does it has mended the receiver. It does not override a Retry-After. That an endpoint was
-- disabled is known until a delivery succeeds: then its recovery is reported.

local endpoint, what, request = ARGV[1], ARGV[2], ARGV[3]
local now = clock()
local key = P .. 'health:' .. endpoint

return once(request, 'switched', function()
  local changed
  if what == 'pause' then
    changed = redis.call('HSETNX', key, 'paused', string.format('%.3f', now))
  else
    changed = redis.call('HDEL', key, 'paused', 'disabled') > 0 and 1 or 0
    redis.call('HDEL', key, 'disabled_at', 'faults', 'opens', 'open_until', 'trial', 'trial_until')
    wake_all(endpoint)
  end
  arm(endpoint, now)
  write_sets()
  if what == 'resume' then wake('deliver') end
  return changed
end)
