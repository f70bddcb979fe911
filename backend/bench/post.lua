-- wrk: the same authenticated JSON POST again and again. Arguments: token, body.
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. arguments[1]
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = arguments[2]
end
