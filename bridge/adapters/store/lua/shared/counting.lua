-- Counters for metrics, and counts by slots of time.
--
-- The fields of `counters`:
--   events:<type>                       attempts:<endpoint>:<outcome>     polls:<upstream>:<outcome>
--   dead:<endpoint>                     clicks:<endpoint>:<outcome>, which no script counts
-- and of histograms, with the number of a bucket, or "sum" in microseconds, at the end:
--   attempt_seconds:<endpoint>:<n>      delivery_latency:<endpoint>:<n>
--   poll_seconds:<upstream>:<n>         poll_lag:<upstream>:<n>

-- The upper bounds of a histogram's buckets, in seconds; a last one has none.
local BOUNDS = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}
-- Seconds of a slot of an endpoint's attempts and of an upstream's requests, and how many
-- slots are kept.
local ATTEMPT_SLOT, ATTEMPT_SLOTS = 300, 288
local REQUEST_SLOT, REQUEST_SLOTS = 60, 10

-- What a script counts again and again is added up, and written once, by `write_counters`.
local counted, in_slots = {}, {}

local function count(name, by)
  counted[name] = (counted[name] or 0) + (by or 1)
end

local function bucket_of(seconds)
  for place, bound in ipairs(BOUNDS) do
    if seconds <= bound then return place end
  end
  return #BOUNDS + 1
end

-- What took longer took so long: a clock that was set, or a backup that was restored, can make
-- any time of it.
local LONGEST_OBSERVED = 30 * 86400

local function observe(name, seconds)
  seconds = math.min(math.max(0, seconds), LONGEST_OBSERVED)
  count(name .. ':' .. bucket_of(seconds))
  count(name .. ':sum', math.floor(seconds * 1000000 + 0.5))
end

-- The name under which an endpoint is counted: hooks of all origins are counted together, and
-- so are the actions at all upstreams. No other name has a colon.
local function label_of(endpoint)
  return string.match(endpoint, '^[^:]*')
end

-- Count something in the slot of now.
local function count_in_slot(key, width, kept, name, by)
  local slots = in_slots[key] or {width = width, kept = kept, counted = {}}
  in_slots[key] = slots
  slots.counted[name] = (slots.counted[name] or 0) + by
end

-- Whoever begins a slot removes those that are too old, and those of a time to come, from
-- before the clock was set back.
local function write_slots(key, slots, now)
  local slot, begun, gone = math.floor(now / slots.width), false, {}
  for name, by in pairs(slots.counted) do
    begun = redis.call('HINCRBY', key, slot .. ':' .. name, by) == by or begun
  end
  if not begun then return end
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local at = tonumber(string.match(field, '^%d+'))
    if at <= slot - slots.kept or at > slot then gone[#gone + 1] = field end
  end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

-- They are few enough for one command: a step is bounded, and so is what it counts. Numbers
-- beyond 2^53 lose their last digits, which HINCRBY would rather fail than do.
local function write_counters(now)
  local names, row = {}, {}
  for name in pairs(counted) do names[#names + 1] = name end
  if #names > 0 then
    for place, before in ipairs(redis.call('HMGET', P .. 'counters', unpack(names))) do
      row[#row + 1] = names[place]
      row[#row + 1] = string.format('%.0f', number(before) + counted[names[place]])
    end
    redis.call('HSET', P .. 'counters', unpack(row))
  end
  for key, slots in pairs(in_slots) do write_slots(key, slots, now) end
end
