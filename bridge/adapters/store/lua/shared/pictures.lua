-- Files of the archive: who holds them, and which are being deleted.

-- Seconds after which whoever was to delete a file is taken to be gone.
local DELETED_WITHIN = 60

local function count_file(size, by)
  redis.call('HINCRBY', P .. 'archive', 'bytes', size * by)
  redis.call('HINCRBY', P .. 'archive', 'files', by)
end
