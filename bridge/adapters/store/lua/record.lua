-- Record polls of tasks: snapshot, event, the event's deliveries and the next poll.
-- Needs recording
--
-- Reads and writes  task:<task>, tasks:<cell>, poll:<upstream>, upstream:<upstream>, ended,
--                   wakeups:deliver, and what `publish` does
-- ARGV[1]           JSON {retention, polls: [{task, upstream, incarnation, version, resumed_at?, next_in?,
--                   state?, status?, snapshot?, words?, written?, misses, missed_clock, event?,
--                   endpoints?, hook? (the formats of hooks that get it as well)}]}
--                   The snapshot and the event's body are numbers, of the texts that follow
-- ARGV[2], ...      those texts
-- Returns           1 or 0 for each poll: recorded or overtaken

return record_polls(cjson.decode(ARGV[1]))
