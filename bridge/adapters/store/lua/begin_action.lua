#!lua flags=allow-oom
-- Note that an action is about to be sent, before anything of it is.
-- Needs actions, reading
--
-- Reads             head:<endpoint>:<lane>
-- Reads and writes  action:<id>, actions:<cell>
-- ARGV              action, endpoint, lane, token of the claim, seconds of patience
-- Returns           {what `read_action` does as it was before, order, modal, looks, until when it is
--                   tried}; nothing if the claim was lost
--
-- Only what is pending becomes sending, and only while there is patience for it.

local id, endpoint, lane, token, patience = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', P .. 'head:' .. endpoint .. ':' .. lane, 'token') ~= token then return {} end
local now = clock()
local row, found = fields(P .. 'action:' .. id, 'order', 'modal', 'looks', 'not_before', unpack(ACTION)), read_action(id)
if not found then return {} end
local until_ = number(row.not_before) + patience
if row.state == 'pending' and now < until_ then
  change_action(id, row, {state = 'sending', sent_at = string.format('%.6f', now)})
  write_sets()
end
return {found, row.order, row.modal, row.looks, string.format('%.6f', until_), string.format('%.6f', now)}
