-- Claim a request by the name that its caller gave it, or return what it was answered with.
-- Needs requests
--
-- Reads and writes  request:<name>
-- ARGV              name, fingerprint, holder, seconds for which the claim stands
-- Returns           {claimed | in work | other}, or {answered, status, media type, body}
--
-- Whoever holds a claim that has run out did not survive it, most likely. Once an effect has
-- begun nobody has to wait for that: repeated, it changes nothing.

local name, fingerprint, holder = ARGV[1], ARGV[2], ARGV[3]
local now = clock()
local key = P .. 'request:' .. name
local known = fields(key, 'fingerprint', 'holder', 'until', 'begun', 'status', 'media_type', 'body')
if known.fingerprint and known.fingerprint ~= fingerprint then return {'other'} end
if known.status then return {'answered', known.status, known.media_type, known.body} end

-- An end in a time that no claim reaches was written before the clock was set back.
local claim_end = number(known['until'])
local stands = claim_end > now and claim_end <= now + number(ARGV[4])
if known.holder and known.holder ~= holder and stands and not known.begun then return {'in work'} end
redis.call('HSET', key, 'fingerprint', fingerprint, 'holder', holder, 'until', now + number(ARGV[4]))
redis.call('EXPIRE', key, REQUEST_KEPT)
return {'claimed'}
