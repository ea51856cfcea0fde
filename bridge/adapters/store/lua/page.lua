#!lua flags=no-writes
-- Read a page of a list: a merge of the cells that match, the newest first.
-- Needs cells, reading
--
-- Reads     cells:<list>, the cells, and of the rows on the page task:<task> and
--           poll:<upstream>, event:<id> and health:<endpoint>, or action:<id>; history: presses:<subject>
-- ARGV[1]   JSON {list, facets: {name: [values]}, limit, after?: [score, row], since?,
--           subject?, words?: [words to search for], exact? (the id that is searched for)}
-- Returns   {score and name of the row after which the list goes on, or '' and '', and what the
--           list returns of each row}
--
-- A cursor is a place in the order by score and name, whether or not a row is there. So what
-- exists throughout is listed once, however much is added, changes its cell, or goes.

-- Rows that a search examines in one call.
local EXAMINED = 1000

local given = cjson.decode(ARGV[1])
local after = given.after and {score = given.after[1], row = given.after[2]}

-- --- the cells that match -----------------------------------------------------------

local FACETS = {
  tasks = {'^([^:]*):([^:]*):([^:]*)$', 'upstream', 'status', 'active'},
  events = {'^([^:]*):(.*)$', 'upstream', 'type'},
  deliveries = {'^([^:]*):(.*)$', 'state', 'endpoint'},
  actions = {'^([^:]*):(.*)$', 'upstream', 'state'},
}

local allowed = {}
for name, values in pairs(given.facets) do
  allowed[name] = {}
  for _, value in ipairs(values) do allowed[name][value] = true end
end

local function matches(cell)
  local names = FACETS[given.list]
  local values = {string.match(cell, names[1])}
  if given.list == 'deliveries' then values[1] = shown_state(values[1], values[2]) end
  for place, value in ipairs(values) do
    local wanted = allowed[names[place + 1]]
    if wanted and not wanted[value] then return false end
  end
  return true
end

-- --- the order ----------------------------------------------------------------------

-- As the server orders names: byte by byte, which the comparison of Lua is not everywhere.
local function is_below(one, other)
  for place = 1, math.min(#one, #other) do
    local byte, other_byte = string.byte(one, place), string.byte(other, place)
    if byte ~= other_byte then return byte < other_byte end
  end
  return #one < #other
end

local function is_older(score, row, other_score, other_row)
  score, other_score = tonumber(score), tonumber(other_score)
  if score ~= other_score then return score < other_score end
  return is_below(row, other_row)
end

-- How many rows of a cell are not older than the cursor. Of those with its very score, the
-- first one below it is found by halving.
local function rank_after(key)
  if not after then return 0 end
  local rank = redis.call('ZCOUNT', key, '(' .. after.score, '+inf')
  local low, high = 0, redis.call('ZCOUNT', key, after.score, after.score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local row = redis.call('ZRANGE', key, rank + middle, rank + middle, 'REV')[1]
    if is_below(row, after.row) then high = middle else low = middle + 1 end
  end
  return rank + low
end

-- --- the merge ----------------------------------------------------------------------

-- Where rows come from, each with its next one; sorted, the one with the newest is last.
local sources = {}

-- Go on to a source's next row; false if there is none.
local function advance(source)
  source.place = source.place + 2
  if source.place > #source.rows and source.key then
    source.rows = redis.call('ZRANGE', source.key, source.rank, source.rank + source.size - 1, 'REV', 'WITHSCORES')
    source.rank = source.rank + source.size
    source.place = 1
  end
  source.row, source.score = source.rows[source.place], source.rows[source.place + 1]
  return source.row and not (given.since and tonumber(source.score) < given.since)
end

local function insert(source)
  local low, high = 1, #sources + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = sources[middle]
    if is_older(source.score, source.row, other.score, other.row) then high = middle else low = middle + 1 end
  end
  table.insert(sources, low, source)
end

local function add_cells()
  local cells = {}
  for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:' .. given.list)) do
    if matches(cell) then cells[#cells + 1] = cell end
  end
  local wanted = given.words and EXAMINED or given.limit
  for _, cell in ipairs(cells) do
    local key = P .. given.list .. ':' .. cell
    local size = math.min(100, math.ceil(wanted / #cells) + 1)
    local source = {key = key, rank = rank_after(key), size = size, rows = {}, place = 1}
    if advance(source) then insert(source) end
  end
end

-- Of lists that a subject has a part of: where that is, and the cell and the score of a row.
local PARTS = {
  events = {'history:', function(id)
    local event = fields(P .. 'event:' .. id, 'type', 'upstream', 'at')
    return event.type and event_cell(event.upstream, event.type), event.at
  end},
  actions = {'presses:', function(id)
    local action = fields(P .. 'action:' .. id, 'state', 'upstream', 'created_at')
    return action.state and action_cell(action.upstream, action.state), action.created_at
  end},
}

-- The rows of one subject are few, and have a list of their own.
local function add_part()
  local found, rows = {}, {}
  local key, place = unpack(PARTS[given.list])
  for _, id in ipairs(redis.call('LRANGE', P .. key .. given.subject, 0, -1)) do
    local cell, at = place(id)
    if cell and matches(cell) and not (after and not is_older(at, id, after.score, after.row)) then
      found[#found + 1] = {id, at}
    end
  end
  table.sort(found, function(one, other) return is_older(other[2], other[1], one[2], one[1]) end)
  for _, row in ipairs(found) do
    rows[#rows + 1] = row[1]
    rows[#rows + 1] = row[2]
  end
  local source = {rows = rows, place = -1}
  if advance(source) then insert(source) end
end

-- --- the rows -----------------------------------------------------------------------

local function read_delivery(row)
  local id, endpoint = string.match(row, '^([^|]*)|(.*)$')
  local state, reason = 'to:' .. endpoint, 'why:' .. endpoint
  local event = fields(P .. 'event:' .. id, 'type', 'subject', 'at', state, reason)
  if not event.type then return nil end
  return {id, endpoint, shown_state(event[state], endpoint), event.type, event.subject, event.at, event[reason]}
end

local READ = {tasks = read_task, events = read_event, deliveries = read_delivery, actions = read_action}

local function has_words(task)
  if not given.words then return true end
  local text = redis.call('HGET', P .. 'task:' .. task, 'words') or ''
  text = string.lower(string.match(task, ':(.*)$')) .. ' ' .. text
  for _, word in ipairs(given.words) do
    if not string.find(text, word, 1, true) then return false end
  end
  return true
end

-- The tasks that have the id that is searched for, at whichever upstream.
local function exact_tasks()
  local found, seen = {}, {}
  for _, cell in ipairs(redis.call('SMEMBERS', P .. 'cells:tasks')) do
    local upstream = string.match(cell, '^[^:]*')
    local task = upstream .. ':' .. given.exact
    if matches(cell) and not seen[upstream] and redis.call('ZSCORE', P .. 'tasks:' .. cell, task) then
      seen[upstream] = true
      found[#found + 1] = read_task(task)
    end
  end
  return found
end

local found = given.exact and not after and exact_tasks() or {}
if #found > 0 then return {'', '', found} end
if given.subject then add_part() else add_cells() end
local examined = 0
while #sources > 0 and #found < given.limit and examined < EXAMINED do
  local source = table.remove(sources)
  after = {score = source.score, row = source.row}
  examined = examined + 1
  if has_words(source.row) then found[#found + 1] = READ[given.list](source.row) end
  if advance(source) then insert(source) end
end
if #sources == 0 then return {'', '', found} end
return {after.score, after.row, found}
