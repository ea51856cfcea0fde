#!lua flags=no-writes
-- Read an action.
-- Needs reading
--
-- Reads     action:<id>
-- ARGV      action
-- Returns   what `read_action` does; nothing if it is not kept

return read_action(ARGV[1]) or {}
