-- Lists that people filter: which cell a row lies in.
--
-- A list is kept as small sorted sets, one for each combination of its facets' values. A row
-- lies in exactly one of them, so that a change costs one ZREM and one ZADD, and a page is
-- a merge of the cells that match: their number depends on the configuration, never on the
-- rows. A row that changes its cell keeps its score, and so its place in the list.
--
-- Like the other sorted sets that no script reads while it changes them, they are written
-- once, by `write_sets`: one command for all rows of a set.

-- By key: the score that each member is to have, or false if it is to go.
local changes = {}
-- By list: the cells that rows are put into.
local entered = {}

local function put(key, score, member)
  if not changes[key] then changes[key] = {} end
  changes[key][member] = score
end

local function enter_cell(list, cell, score, member)
  put(list .. ':' .. cell, score, member)
  if not entered[list] then entered[list] = {} end
  entered[list][cell] = true
end

local function leave_cell(list, cell, member)
  put(list .. ':' .. cell, false, member)
end

-- Run a command on a key with many arguments, a few thousand at a time.
local function call_with(command, key, arguments)
  for from = 1, #arguments, 4000 do
    redis.call(command, key, unpack(arguments, from, math.min(from + 3999, #arguments)))
  end
end

-- Note which cells have rows. One that has some already is known.
local function write_cells()
  local keys = {}
  for list, cells in pairs(entered) do
    for cell in pairs(cells) do keys[#keys + 1] = P .. list .. ':' .. cell end
  end
  if #keys == 0 or redis.call('EXISTS', unpack(keys)) == #keys then return end
  for list, cells in pairs(entered) do
    local names = {}
    for cell in pairs(cells) do names[#names + 1] = cell end
    redis.call('SADD', P .. 'cells:' .. list, unpack(names))
  end
end

local function write_sets()
  write_cells()
  for key, members in pairs(changes) do
    local scored, gone = {}, {}
    for member, score in pairs(members) do
      if score then
        scored[#scored + 1] = score
        scored[#scored + 1] = member
      else
        gone[#gone + 1] = member
      end
    end
    call_with('ZREM', P .. key, gone)
    call_with('ZADD', P .. key, scored)
  end
  changes, entered = {}, {}
end

local function or_none(value)
  return value and value ~= '' and value or '-'
end

local function task_cell(upstream, status, active)
  return upstream .. ':' .. or_none(status) .. ':' .. active
end

local function event_cell(upstream, kind)
  return or_none(upstream) .. ':' .. kind
end

local function action_cell(upstream, state)
  return upstream .. ':' .. state
end

local function delivery_cell(state, endpoint)
  return state .. ':' .. endpoint
end

local function delivery_row(id, endpoint)
  return id .. '|' .. endpoint
end
