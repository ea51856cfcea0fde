#!lua flags=allow-oom
-- Record what came of claimed deliveries.
-- Needs settling
--
-- Reads and writes  lane: head:<endpoint>:<lane>, state:<endpoint>:<subject>,
--                   fresh: retry: woken: edits: flight:<endpoint>, health: slots:<endpoint>,
--                   event:<id>, attempts:<id>, deliveries:<cell>, open, closed, ready, suspects,
--                   trial, settled, counters, wakeups:deliver, task:<task>
-- ARGV[1]           JSON {retention, items: [{endpoint, lane, id, token, disposition,
--                   unconfigured, ...}]}
--                   disposition is delivered | retry | dead | returned. All but returned have
--                   attempt (JSON text; not if it died untried), outcome, took, blames,
--                   answered, claimed_at, first, due, failures, refusals, reason, disable, hold,
--                   was_disabled (as the claim said), at (the event's), subject, state,
--                   edit_in, extra, ends_hook. What is false, zero or empty is left out
-- Returns           {1 if more can be claimed at once, 1 or 0 for each item: took effect?}
--
-- allow-oom: this is the way out when memory is full. Repeating it changes nothing: the
-- head is gone, or its token is.

local given, now = cjson.decode(ARGV[1]), clock()
local applied = settle_all(given.items, given.retention, now)
return answer_settle(applied, now)
