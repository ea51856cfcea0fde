#!lua flags=allow-oom
-- Pause an endpoint, or resume one that was paused or disabled.
--
-- Reads and writes  health:<endpoint>, ready, wake:deliver
-- ARGV              endpoint, pause | resume
-- Returns           {wake a deliverer?, 1 if that changed anything}
--
-- Resuming does not override a Retry-After that the receiver asked for. That it was
-- disabled is remembered until a delivery succeeds: then its recovery is told.

local endpoint, what = ARGV[1], ARGV[2]
local now = clock()
local key = P .. 'health:' .. endpoint
local changed
if what == 'pause' then
  changed = redis.call('HSETNX', key, 'paused', string.format('%.3f', now))
else
  changed = redis.call('HDEL', key, 'paused', 'disabled') > 0 and 1 or 0
  redis.call('HDEL', key, 'disabled_at', 'faults', 'opens', 'open_until', 'trial', 'trial_until')
end
arm(endpoint, now)
return {what == 'resume' and wake('deliver') or 0, changed}
