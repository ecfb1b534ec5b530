-- wrk script: POST the bodies of a file in turn; print the figures as JSON.
--
--   wrk … -s bench/http/post.lua URL -- BODIES
--
-- BODIES is what bench.http.bodies.write_requests writes: a line with the content type, the length of
-- the JSON part of a binary request (0 without one) and that of the body, then the body, any bytes.

local requests = {}
local last = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local line = file:read("*l")
  while line do
    local content_type, header_length, length = line:match("^(%S+) (%d+) (%d+)$")
    local headers = { ["Content-Type"] = content_type }
    if header_length ~= "0" then
      headers["Inference-Header-Content-Length"] = header_length
    end
    -- Formatted once, so that the generator's own work is little more than sending.
    requests[#requests + 1] = wrk.format("POST", nil, headers, file:read(tonumber(length)))
    line = file:read("*l")
  end
  file:close()
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
