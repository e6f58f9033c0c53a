-- The gate that processes share: grants the next permit, by Redis' own clock.
--
-- Its policy is that of belief.py and window.py, told again where all processes see its state.
--
-- KEYS  1 gate      a hash: what is believed, the pace, a pause, a return
--       2 flying    a sorted set: requests on their way, and for when they were granted
--       3 landed    a sorted set: requests answered, and when their places are free again
--       4 answers   a sorted set: requests answered well, and when
--       5 processes a sorted set: who asks, and when last
-- ARGV  1 the process, with '-' before it where it leaves, or ''
--       2 the requests that it wants permits for
--       3 the epoch in which these were promised some, or ''
--       4 queries a second that the plan allows, or ''
--       5 processes expected     6 the birth of the gate that it had before, '' where it
--       had none, 'elsewhere' where it tells all that it has sent of late
--       7 seconds since a request was sent that met a 429, or ''
--       8 seconds to pause for that
--       then three for each request answered: which, the seconds until its place is free or '',
--       the seconds since it was answered well or ''
-- Gives the seconds to wait for each permit, with a question mark where that is a guess, for fewer
-- requests than asked for if only a guess is left; the epoch, the birth of this gate, the limit,
-- and the number of processes.

local SHARE = 1.03         -- of the limit, at which permits are paced: the window is the bound
local BURST = 0.05         -- seconds of permits that may go at once: what is late is not lost
local FLIGHT = 0.3         -- seconds for which an unanswered request may be on its way
local UNKNOWN = 5.0        -- queries a second, where nothing is known
local TELLING = 0.5        -- seconds of demand before what was reached tells what is allowed
local LEAST = 0.5          -- queries a second, where nothing is known and the server refuses
local RETURN = 2.0         -- seconds in which all processes that are there come back
local ABSENT = 60.0        -- seconds after which a silent process no longer counts
local FORGOTTEN = 3600     -- seconds after which a gate that nobody uses is forgotten
local BACKWARDS = 0.1      -- seconds by which a clock must go back to be noticed
local TICK = 0.001         -- seconds that nobody waits for
local ELSEWHERE = 'elsewhere'
local TIMES = { 'seen', 'next', 'pause', 'granted', 'waited', 'busy', 'lowered', 'quiet', 'back' }

local FLYING, LANDED, ANSWERS, PROCESSES = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local me, wanted, epoch, qps = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local expected = tonumber(ARGV[5])

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6

local function written(number) return string.format('%.17g', number) end

-- What is kept of the gate; a new one where there is none, or where the plan has changed.
local gate = {}
do
  local kept = redis.call('HGETALL', KEYS[1])
  for i = 1, #kept, 2 do gate[kept[i]] = kept[i + 1] end
end
local told = qps and written(qps) or ''
for name, value in pairs(gate) do
  if name ~= 'qps' then gate[name] = tonumber(value) end
end
if gate.qps ~= told then
  local limit = qps or UNKNOWN
  gate = {
    qps = told, born = gate.born or now, epoch = math.max(now, (gate.epoch or 0) + 1),
    limit = limit, rate = SHARE * limit,
    seeking = qps and 0 or 1, demand = 0, interval = 15, seen = now, trip = gate.trip or 0,
    next = gate.next or 0, pause = gate.pause or 0, back = gate.back or 0, expected = 1,
    granted = 0, waited = 0, busy = 0, lowered = 0, quiet = now,
  }
end
if now < gate.seen - BACKWARDS then -- the host's clock was put back
  local by = now - gate.seen
  for _, name in ipairs(TIMES) do gate[name] = gate[name] + by end
  redis.call('DEL', FLYING, LANDED, ANSWERS, PROCESSES)
end
gate.seen = now

-- What removes comes first: a Redis whose memory is full runs what has begun to write.
redis.call('ZREMRANGEBYSCORE', PROCESSES, '-inf', written(now - ABSENT))
redis.call('ZREMRANGEBYSCORE', FLYING, '-inf', written(now - FLIGHT - 1))
redis.call('ZREMRANGEBYSCORE', LANDED, '-inf', written(now))
if string.sub(me, 1, 1) == '-' then
  redis.call('ZREM', PROCESSES, string.sub(me, 2))
elseif me ~= '' then
  redis.call('ZADD', PROCESSES, written(now), me)
end

-- Answers: a place is free a second after its answer, and successes show the rate reached.
for i = 9, #ARGV, 3 do
  local request, free, since = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  if free then
    local slot = redis.call('ZSCORE', FLYING, request)
    if slot then gate.trip = 0.8 * gate.trip + 0.2 * (now + free - 1 - slot) end
    redis.call('ZREM', FLYING, request)
    if free > 0 then redis.call('ZADD', LANDED, written(now + free), request) end
  end
  if since then redis.call('ZADD', ANSWERS, written(now - since), request) end
end
redis.call('ZREMRANGEBYSCORE', ANSWERS, '-inf', '(' .. written(now - 2.5))

-- The most successes in any second of the last ones.
local function reached()
  local kept = redis.call('ZRANGE', ANSWERS, 0, -1, 'WITHSCORES')
  local most, first = 0, 2
  for last = 2, #kept, 2 do
    while tonumber(kept[first]) <= tonumber(kept[last]) - 1 do first = first + 2 end
    most = math.max(most, (last - first) / 2 + 1)
  end
  return most > 0 and most or math.huge
end

-- A 429 makes everyone wait; once for all requests sent before that, it lowers the limit.
local since = tonumber(ARGV[7])
if since then
  gate.pause = math.max(gate.pause, now + tonumber(ARGV[8]))
  gate.epoch = gate.epoch + 1
  gate.next = now
  if now - since > gate.lowered then
    local full = now - gate.waited < 1 and now - gate.busy >= TELLING
    local most = full and reached() or math.huge
    local least = qps and qps / 10 or LEAST
    gate.limit = math.max(least, 0.97 * math.min(gate.limit, most))
    gate.rate = 0.85 * gate.limit
    gate.seeking, gate.demand = 0, 0
    gate.lowered, gate.quiet = now, now
    gate.interval = math.min(2 * gate.interval, 600)
  end
end

-- Where processes come from other gates (their own, or one forgotten), those that are here have
-- their shares alone.
local born, part, burst = written(gate.born), 1, BURST
if ARGV[6] ~= '' and ARGV[6] ~= born then
  if now > gate.back + RETURN then
    gate.back, gate.expected = now, expected
    gate.next = math.max(gate.next, now + expected / gate.rate) -- it has just sent what it may
  end
  if ARGV[6] ~= ELSEWHERE then wanted = '' end -- it will come again, and tell what it has sent
end
local here = redis.call('ZCARD', PROCESSES)
if now <= gate.back + RETURN then
  burst = 0
  gate.expected = math.max(gate.expected, expected)
  here = redis.call('ZCOUNT', PROCESSES, written(gate.back), '+inf')
  part = math.min(1, here / gate.expected)
  here = math.max(here, gate.expected)
end

-- While there is demand, rate and limit rise.
local function rise(at)
  if gate.seeking == 1 then
    gate.limit = gate.limit * 1.5
    gate.rate = SHARE * gate.limit
    return
  end
  local most = qps or math.huge
  if gate.limit < most and at - gate.quiet >= gate.interval then
    gate.limit = math.min(most, 1.05 * gate.limit)
    gate.quiet = at
  end
  gate.rate = math.min(SHARE * gate.limit, gate.rate + 0.05 * gate.limit * gate.demand)
end

local function granted(slot, waited)
  if waited then
    gate.demand = gate.demand + math.max(0, math.min(slot - gate.granted, 1))
    if slot - gate.waited > 1 then gate.busy = slot end
    gate.waited = slot
  end
  gate.granted = slot
  if gate.demand >= 1 then
    rise(slot)
    gate.demand = 0
  end
end

-- When the window has a place, and whether that is certain: no second has more requests than the
-- limit. A request on its way has its place for FLIGHT + 1 seconds at most, and for as long as
-- others of late where it is guessed. Those granted for later than `last` are not looked at.
local function room(at, last)
  local places = math.max(1, math.floor(gate.limit * part))
  local landed = redis.call('ZCOUNT', LANDED, '(' .. written(at), '+inf')
  local flying = redis.call('ZCOUNT', FLYING, '(' .. written(at - FLIGHT - 1), last)
  if landed + flying < places then return at, true end
  local taken = redis.call('ZCARD', LANDED) + redis.call('ZCOUNT', FLYING, '-inf', last)
  local free = {}
  local function collect(key, more)
    local kept = redis.call('ZRANGE', key, 0, taken - places, 'WITHSCORES')
    for i = 2, #kept, 2 do free[#free + 1] = kept[i] + more end
  end
  collect(LANDED, 0)
  collect(FLYING, 1 + math.min(gate.trip, FLIGHT))
  table.sort(free)
  return math.max(at, free[taken - places + 1]), false
end

local waits = {}
for request in string.gmatch(wanted, '%S+') do
  local slot, certain
  redis.call('ZREM', FLYING, request)
  if epoch == gate.epoch then
    slot, certain = room(now, written(now)) -- its turn has come, and nothing has happened since
  else
    slot, certain = room(math.max(now, gate.next - burst, gate.pause), '+inf')
    if #waits > 0 and not certain then break end -- who asks for many is not to wait for guesses
    granted(slot, slot > now + TICK)
    gate.next = math.max(slot, gate.next) + 1 / (gate.rate * part)
  end
  redis.call('ZADD', FLYING, written(slot), request)
  waits[#waits + 1] = written(slot - now) .. (certain and '' or '?')
end

local kept = {}
for name, value in pairs(gate) do
  kept[#kept + 1] = name
  kept[#kept + 1] = name == 'qps' and value or written(value)
end
redis.call('HSET', KEYS[1], unpack(kept))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, FORGOTTEN) end
return { table.concat(waits, ' '), written(gate.epoch), born, written(gate.limit), tostring(math.max(here, 1)) }
