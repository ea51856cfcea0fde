#!lua flags=no-writes
-- Read the round that a press of a button belongs to, which may be pressed again.
-- Needs actions
--
-- Reads     rounds:<task>, action:<id>
-- ARGV      task, customId
-- Returns   the round, from 1

return (round_of(ARGV[1], ARGV[2], clock()))
