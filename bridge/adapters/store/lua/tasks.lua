#!lua flags=no-writes
-- Read tasks.
-- Needs reading
--
-- Reads     task:<task>, poll:<upstream>
-- ARGV      the tasks
-- Returns   what `read_task` does of each that is kept

local found = {}
for _, task in ipairs(ARGV) do
  local row = read_task(task)
  if row[3] then found[#found + 1] = row end
end
return found
