-- Begin to poll tasks.
-- Needs tracking, requests
--
-- Reads and writes  task:<task>, tasks:<cell>, ended, poll:<upstream>, upstream:<upstream>, hooks,
--                   wakeups:poll, request:<name>, and what `leave_origin` does
-- ARGV[1]           JSON {upstream, incarnation, metadata (JSON text), ids, hook? (JSON text),
--                   hook_at? (its endpoint), hook_refused (why there is none), max_origins,
--                   request (a request's name, or empty), part}
-- Returns           what became of each id: tracked | known | other_hook | full
--
-- other_hook: it is polled already, with another hook that has not ended. full: the hook is
-- at one origin too many. Both are left as they are.
--
-- A task that ended, or was untracked, is polled again; its sequence goes on. Of those that are polled
-- already, one that waits for a person is polled at once: naming it again is what submitting its
-- modal does. So is one that has lost its place among those that are due.

local given = cjson.decode(ARGV[1])
local now = clock()

local function outcome(before, full)
  local same = not given.hook or before.hook == given.hook
  local active = before.active == '1'
  if active and same then return 'known' end
  if active and before.hook and not before.hook_ended then return 'other_hook' end
  if not same and full then return 'full' end
  return active and 'known' or 'tracked'
end

return once(given.request, given.part, function()
  local full = is_full(given)
  local known, news, tracked, due = {}, {}, 0, false
  for place, id in ipairs(given.ids) do
    known[place] = fields(P .. 'task:' .. given.upstream .. ':' .. id, unpack(BEFORE))
    news[place] = outcome(known[place], full)
    if news[place] == 'tracked' then tracked = tracked + 1 end
  end

  local answering = tracked > 0 and answering_now(given.upstream, now)
  for place, id in ipairs(given.ids) do
    local task, before = given.upstream .. ':' .. id, known[place]
    if news[place] == 'tracked' then
      begin(given.upstream, task, before, given, answering, now)
      due = true
    elseif news[place] == 'known' then
      due = resume(given.upstream, task, before, now) or restore(given.upstream, task, now) or due
    end
    if news[place] == 'tracked' or news[place] == 'known' then set_hook(task, before, given) end
  end
  write_sets()
  if due then wake('poll') end
  return news
end)
