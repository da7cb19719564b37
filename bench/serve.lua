-- wrk script: POST /classify/batch with LOGS logs of the file FILE in each request, another part of it
-- each time; prints what bench/serve.sh reads. Usage: wrk -s serve.lua URL -- FILE LOGS
local bodies = {}
local at = 0

local function quote(text)
    return '"' .. text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

function init(arguments)
    local logs, size = {}, tonumber(arguments[2])
    for line in io.lines(arguments[1]) do
        logs[#logs + 1] = quote(line)
        if #logs == size then
            bodies[#bodies + 1] = '{"logs":[' .. table.concat(logs, ",") .. "]}"
            logs = {}
            if #bodies * size >= 8000 then break end
        end
    end
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    at = at % #bodies + 1
    return wrk.format(nil, nil, nil, bodies[at])
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("result %d %d %d %.0f %.0f %.0f %.0f\n", summary.requests, summary.duration,
        e.connect + e.read + e.write + e.timeout + e.status,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
