#!lua flags=allow-oom
-- Keep what a request was answered with, or give the claim to work on it back.
--
-- Reads and writes  request:<name>
-- ARGV              name, holder; with an answer to keep: status, media type, body
-- Returns           nothing
--
-- The first answer stays. What has taken effect stays known, so that whoever else works on the
-- request comes to the same answer; without that there is nothing to know.

local name, holder, status, media_type, body = unpack(ARGV)
local key = P .. 'request:' .. name
local known = fields(key, 'fingerprint', 'holder', 'begun', 'status')
if not known.fingerprint or known.status then return end
if status then
  redis.call('HDEL', key, 'holder', 'until')
  redis.call('HSET', key, 'status', status, 'media_type', media_type, 'body', body)
elseif known.holder == holder then
  if known.begun then
    redis.call('HDEL', key, 'holder', 'until')
  else
    redis.call('DEL', key)
  end
end
