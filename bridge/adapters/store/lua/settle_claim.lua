#!lua flags=allow-oom
-- Record what came of claimed deliveries, and claim more.
-- Needs settling, claiming
--
-- Reads and writes  what `settle` and `claim_deliveries` do
-- ARGV              JSON as for `settle`; then as for `claim_deliveries`, from the token on
-- Returns           {1 or 0 for each item, what `claim_deliveries` does}
--
-- An endpoint that was settled at is served before it is known when it is ready: that is
-- found out while it is served.

local given, now = cjson.decode(ARGV[1]), clock()
local applied = settle_all(given.items, given.retention, now)
claim(false, now)
finish(now)
return {applied, answer_claim(now)}
