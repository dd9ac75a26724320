-- PUTs a manifest under one new tag after the other. Arguments: the file with the manifest, its type, what tags begin
-- with. Where the manifest says @COUNT@ the tag is written, so that each is an image of its own.

dofile((debug.getinfo(1, "S").source:sub(2):gsub("put.lua$", "count.lua")))

local before, after, prefix
local count = 0

function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   local manifest = file:read("*a")
   file:close()
   prefix = arguments[3]
   wrk.headers["Content-Type"] = arguments[2]
   local first, last = manifest:find("@COUNT@", 1, true)
   if first then
      before, after = manifest:sub(1, first - 1), manifest:sub(last + 1)
   else
      before, after = manifest, nil
   end
end

function request()
   count = count + 1
   local tag = prefix .. count
   local body = after and (before .. tag .. after) or before
   return wrk.format("PUT", wrk.path .. tag, nil, body)
end
