-- wrk's script: sends the bodies of a file in turn until time is up, waits for the last answer,
-- and prints one line of JSON. Every answer is looked at: one that is not 200, or holds errors,
-- has failed. Without the wait, what a slow server was still working on would count for nothing.
--
-- wrk … -s load.lua URL -- BODIES SECONDS OFFSET [TOKEN]

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]])
local MONOTONIC, NEVER = 1, 1e9
local moment = ffi.new("instant")

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

local requests, waits = {}, {}
local sent, answered, failed = 0, 0, 0
local seconds, offset, started, sent_at, looked_at

function init(arguments)
  local headers = { ["Content-Type"] = "application/json", ["Accept"] = "application/json" }
  seconds, offset = tonumber(arguments[2]), tonumber(arguments[3])
  if arguments[4] then headers["Authorization"] = "Bearer " .. arguments[4] end
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function delay()
  if started and now() - started >= seconds then return NEVER end
  return 0
end

function request()
  if not looked_at then
    -- wrk calls once only to see what a request looks like.
    looked_at = true
    return requests[1]
  end
  sent_at = now()
  started = started or sent_at
  sent = sent + 1
  return requests[(offset + sent) % #requests + 1]
end

local function finish(elapsed)
  -- Only with a single connection does a wait belong to the request before it.
  table.sort(waits)
  print(string.format(
    '{"requests": %d, "failed": %d, "seconds": %.6f, "median_ms": %.4f}',
    answered, failed, elapsed, waits[math.ceil(#waits / 2)] * 1000
  ))
  os.exit(0)
end

function response(status, _, body)
  local at = now()
  answered = answered + 1
  waits[answered] = at - sent_at
  if status ~= 200 or body:find('"errors":', 1, true) then failed = failed + 1 end
  if at - started >= seconds and answered == sent then finish(at - started) end
end
