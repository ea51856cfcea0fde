#!lua flags=allow-oom
-- Give a claim of tasks back that the upstream was not asked about, so that it is due at once.
-- Needs polled
--
-- Reads and writes  polling:<upstream>, poll:<upstream>
-- ARGV              upstream, token
-- Returns           1 if the claim still stood

return give_back(ARGV[1], ARGV[2], clock()) and 1 or 0
