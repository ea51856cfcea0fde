#!lua flags=allow-oom
-- Claim the heads of due lanes, fairly over the endpoints, within each one's limits.
-- Needs claiming
--
-- Reads and writes  ready, fresh: retry: woken: edits: flight:<endpoint>, health:<endpoint>,
--                   head:<endpoint>:<lane>, suspects, trial, void:<token>, wakeups:deliver, and what
--                   `pop` does
-- Reads             lane:<endpoint>:<lane>, event:<id>, state:<endpoint>:<subject>, task:<task>
-- ARGV              1 to claim one suspect alone, token, limit, limit for slow endpoints, limit for
--                   slow ones among hooks, retention, and the tokens of the worker's claims before, as
--                   far as it got no reply
-- Returns           now, suspects (1 if any waits), next_in (seconds until more, or nil), columns
--                   and deliveries, each with its name before it; columns name the values of a
--                   delivery
--
-- allow-oom: when memory is full, delivering what is known is the way out.

local now = clock()
claim(ARGV[1] == '1', now)
finish(now)
return answer_claim(now)
