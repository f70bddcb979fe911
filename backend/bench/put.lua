-- wrk: PUTs to presigned targets, one after the other. Arguments: file of targets, bytes of each body.
local targets, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do targets[#targets + 1] = line end
  wrk.body = string.rep("x", tonumber(arguments[2]))
  wrk.headers["Content-Type"] = "image/jpeg"
end

function request()
  at = at % #targets + 1
  return wrk.format("PUT", targets[at])
end
