-- Replaces a record if it still has the expected version.
-- ARGV: expected version or '', fence or '', ID of this write, '1' with a value or '0' without, value
local record = redis.call('HMGET', KEYS[1], 'version', 'fence', 'write', 'kept', 'value')
local version, fence = record[1] or '', record[2] or '0'
if record[3] == ARGV[3] then
  -- This write was sent again because its response was lost, and it was applied the first time. Write
  -- something, because WAIT and WAITAOF wait for the last write of their own connection.
  redis.call('HSET', KEYS[1], 'write', ARGV[3])
  return {'applied', version}
end
if version ~= ARGV[1] then
  return {'conflict', version, fence, record[4] or '0', record[5] or ''}
end
if ARGV[2] ~= '' and tonumber(ARGV[2]) < tonumber(fence) then
  return {'fenced'}
end
if ARGV[2] ~= '' then
  fence = ARGV[2]
end
local following = string.format('%.0f', (tonumber(version) or 0) + 1)
-- This is the only write and the last command, so after an error nothing has been written.
redis.call('HSET', KEYS[1], 'version', following, 'fence', fence, 'write', ARGV[3], 'kept', ARGV[4], 'value', ARGV[5])
return {'applied', following}
