-- The gate that processes share: what must be atomic of it, by Redis' own clock. What is known of
-- the limit is a text here, which the processes read, judge by and replace (estimate.py).
--
-- KEYS  1 a hash: the gate     2 a sorted set: requests, and when their places are free again
--       3 a sorted set: processes, and when they came last
-- ARGV  1 the process, with '-' before it where it leaves
--       2 the version of the text that it knows, or ''     3 a text to replace it, or ''
--       4 seconds for which all wait after a 429, or ''    5 seconds between permits
--       6 seconds of permits that may go together: what is late is not lost
--       7 seconds between these permits and others'        8 places: requests of any second
--       9 seconds of a round trip                          10 how many permits it wants
--       11 the number of the first
--       12... pairs: a request, and in how many seconds its place is free; '' where it got a 429
-- Answers: version, text (where the process knows another), Redis' time, processes, seconds until
-- each permit, when the last successes were; '-' before one far ahead, which is not granted yet.

local FAR = 0.5           -- seconds ahead at which no permit is granted yet
local RETURN = 0.75       -- seconds in which processes that were without this gate come back
local ABSENT = 60         -- seconds after which a silent process no longer counts
local FORGOTTEN = 3600    -- seconds after which a gate that nobody uses is forgotten
local GATE, PLACES, PROCESSES = KEYS[1], KEYS[2], KEYS[3]
local me, known = ARGV[1], ARGV[2]

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local function text(number) return string.format('%.6f', number) end

-- What removes comes first: a Redis whose memory is full runs what has begun to write.
redis.call('ZREMRANGEBYSCORE', PLACES, '-inf', text(now - 1.5))
redis.call('ZREMRANGEBYSCORE', PROCESSES, '-inf', text(now - ABSENT))
if now < tonumber(redis.call('HGET', GATE, 'seen') or 0) - 0.1 then -- the clock was put back
  redis.call('DEL', GATE, PLACES, PROCESSES)
end
local kept = redis.call('HMGET', GATE, 'born', 'count', 'state', 'due', 'back')
local born, count, state = kept[1] or text(now), tonumber(kept[2] or 0), kept[3]
local due, back = tonumber(kept[4] or 0), tonumber(kept[5] or 0)
if string.sub(me, 1, 1) == '-' then
  redis.call('ZREM', PROCESSES, string.sub(me, 2))
else
  redis.call('ZADD', PROCESSES, text(now), me)
end
for i = 12, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('ZREM', PLACES, ARGV[i])
  else
    redis.call('ZADD', PLACES, text(now + ARGV[i + 1]), ARGV[i])
  end
end

-- Where processes have sent without this gate, nobody sends until all have come back.
if known ~= '' and string.match(known, '^[^:]*') ~= born and now > back + 2 * RETURN then
  back, due = now, math.max(due, now + RETURN)
end
local successes = {}
if ARGV[4] ~= '' then
  due = math.max(due, now + ARGV[4] + ARGV[6])
  local ended = redis.call('ZRANGEBYSCORE', PLACES, '-inf', text(now + 1), 'WITHSCORES')
  for i = 2, #ended, 2 do successes[#successes + 1] = text(ended[i] - 1) end
end
if ARGV[3] ~= '' and (not state or known == born .. ':' .. count) then
  count, state = count + 1, ARGV[3]
  known = born .. ':' .. count
end

local waits, version = {}, born .. ':' .. count
for i = 1, known == version and tonumber(ARGV[10]) or 0 do
  local slot = math.max(now, due - ARGV[6])
  local taken = redis.call('ZRANGE', PLACES, -ARGV[8], -ARGV[8], 'WITHSCORES')
  if taken[2] then slot = math.max(slot, tonumber(taken[2])) end
  local far = slot > now + FAR
  if i == 1 or not far then waits[i] = (far and '-' or '') .. text(slot - now) end
  if far then break end
  local request = me .. ':' .. (ARGV[11] + i - 1)
  redis.call('ZADD', PLACES, text(slot + 1 + ARGV[9]), request)
  due = math.max(slot, due) + ARGV[5]
end
if #waits > 0 then due = due + ARGV[7] end
redis.call('HSET', GATE, 'born', born, 'count', count, 'state', state or '', 'due', text(due),
  'back', text(back), 'seen', text(now))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, FORGOTTEN) end
local here = tostring(math.max(1, redis.call('ZCARD', PROCESSES)))
local unknown = known == version and '' or state or ''
return { version, unknown, text(now), here, table.concat(waits, ' '), table.concat(successes, ' ') }
