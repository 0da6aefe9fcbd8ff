-- Renews or releases a lease that its owner still holds.
-- ARGV: owner, fence, length in microseconds (0 to release)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lease = redis.call('HMGET', KEYS[1], 'lease_owner', 'lease_fence', 'lease_until')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then
  return {'lost'}
end
local length = tonumber(ARGV[3])
if tonumber(lease[3]) <= now then
  -- It expired or was released, maybe by this call, if its response was lost and it was sent again.
  if length == 0 and lease[3] == '0' then
    return {'released'}
  end
  return {'lost'}
end
local ends = '0'
if length > 0 then
  ends = string.format('%.0f', now + length)
end
redis.call('HSET', KEYS[1], 'lease_until', ends)
return {'kept'}
