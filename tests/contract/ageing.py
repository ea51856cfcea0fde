"""Letting time pass in a real store without waiting: everything in it becomes older."""

from __future__ import annotations

from redis.asyncio import Redis

#: Moves every time that a namespace holds into the past. Times are known by their place:
#: all scores of sorted sets, and the fields named here.
_AGE = """
local prefix, seconds = KEYS[1], tonumber(ARGV[1])
local times = {}
for name in string.gmatch(ARGV[2], '%S+') do times[name] = true end
for _, key in ipairs(redis.call('KEYS', string.gsub(prefix, '[{}]', '\\\\%0') .. '*')) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' then
    local rows = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for place = 1, #rows, 2 do
      redis.call('ZADD', key, string.format('%.6f', rows[place + 1] - seconds), rows[place])
    end
  elseif kind == 'hash' then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local value = times[field] and tonumber(redis.call('HGET', key, field))
      if value and value > 1000000000 then
        redis.call('HSET', key, field, string.format('%.6f', value - seconds))
      end
    end
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then
    left = math.floor(left - seconds * 1000)
    if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
  end
end
"""

_TIMES = (
    "seen tracked_at resumed_at seen_at failed_at failing_since hold_until unhealthy_since answered_at valid_at tokens_at "
    "at first due woken_at revived_at open_until trial_until edited_at edit_at paused disabled_at succeeded_at again:a "
    "created_at sent_at ended_at not_before"
)


async def let_pass(client: Redis, namespace: str, seconds: float) -> None:
    """Make everything in a namespace `seconds` older; negative to set the clock back."""
    await client.eval(_AGE, 1, f"{{{namespace}}}:", str(seconds), _TIMES)
