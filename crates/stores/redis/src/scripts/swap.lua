-- Replaces a record that still has the version that was read.
-- ARGV: version expected or '', fence or '', this write's id, '1' with a value or '0' to forget it, value
local record = redis.call('HMGET', KEYS[1], 'version', 'fence', 'write', 'kept', 'value')
local version, fence = record[1] or '', record[2] or '0'
if record[3] == ARGV[3] then
  -- Sent again after its answer was lost: it was applied then. Written once more, for what waits for replicas
  -- and disks counts from a connection's own last write.
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
-- The only write, and the last command: an error before it means that nothing was written.
redis.call('HSET', KEYS[1], 'version', following, 'fence', fence, 'write', ARGV[3], 'kept', ARGV[4], 'value', ARGV[5])
return {'applied', following}
