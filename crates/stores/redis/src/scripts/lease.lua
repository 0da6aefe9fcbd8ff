-- Takes a lease that is free or expired. ARGV: owner, ID of this call, length in microseconds
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lease = redis.call('HMGET', KEYS[1], 'lease_call', 'lease_until', 'lease_fence', 'fence')
local ends = tonumber(lease[2] or '0')
if ends > now and lease[1] ~= ARGV[2] then
  return {'busy', string.format('%.0f', ends - now)}
end
-- At least the current time, so that fences grow even if a restart lost the last leases.
local fence = math.max(now, tonumber(lease[3] or '0') + 1, tonumber(lease[4] or '0') + 1)
local text = string.format('%.0f', fence)
redis.call('HSET', KEYS[1], 'lease_owner', ARGV[1], 'lease_call', ARGV[2], 'lease_fence', text,
  'lease_until', string.format('%.0f', now + tonumber(ARGV[3])))
return {'granted', text}
