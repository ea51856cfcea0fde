-- Claim a batch of due tasks of an upstream, within its limits over all workers.
-- Needs polled
--
-- Reads and writes  poll:<upstream>, polling:<upstream>, upstream:<upstream>, counters
-- Reads             task:<task>, full
-- ARGV              upstream, JSON {token, size, concurrency, rate, burst, lease, ride, lost}, see
--                   `claim_batch`
-- Returns           now, clock, failures, unhealthy_since, failing_since, next_in, due (how many
--                   of the tasks were), columns, tasks and gone, each with its name before it;
--                   columns name the values of a task, and gone are tasks that were due and have
--                   no row
--
-- next_in: seconds until a batch may be claimed; nil after a claim, and where time alone
-- changes nothing: no task is polled, or all places are taken.
--
-- The lease is the task's score in poll:<upstream>: if it is never recorded, the task
-- comes due again when the lease ends. Not to be repeated by a client that lost the
-- answer: that would hide a second batch. It names the lost one to its next claim.

local now = clock()
local claim = claim_batch(ARGV[1], cjson.decode(ARGV[2]), now)
write_counters(now)
return claim
