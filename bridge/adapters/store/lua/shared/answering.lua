-- The answering clock of an upstream: it goes on only while valid answers come.

-- Its longest step: while nobody asks, nobody answers either.
local LONGEST_STEP = 120

-- How far it goes on from the upstream's last valid answer to now.
local function clock_step(held, now)
  return math.min(math.max(0, now - number(held.answered_at)), math.max(LONGEST_STEP, number(held.step)))
end
