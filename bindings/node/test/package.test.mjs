// The package itself: import and require, exported names, libraries that it rejects, output.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { Client, Key, libraryVersion, Registry, settings } from 'countersign';

import { disposed } from './disposed.mjs';

const require = createRequire(import.meta.url);

test('import and require return the same module', async () => {
  const imported = { ...(await import('countersign')) };
  assert.deepEqual(imported, { ...require('countersign') });
});

test('settings() returns the settings of the library', () => {
  const known = settings();
  assert.ok(known.some(({ name, secret }) => name === 'client_secret' && secret));
  assert.ok(known.every(({ name, about }) => name && about));
});

test('the addons have the version of the package', () => {
  const { version, optionalDependencies } = require('../package.json');
  assert.deepEqual(new Set(Object.values(optionalDependencies)), new Set([version]));
  assert.equal(libraryVersion(), version);
});

test('the error names a missing addon', () => {
  const env = { ...process.env, COUNTERSIGN_ADDON: '/nowhere/countersign.node' };
  const run = spawnSync(process.execPath, ['-e', 'require("countersign")'], {
    env,
    cwd: import.meta.dirname,
  });
  assert.notEqual(run.status, 0);
  assert.match(run.stderr.toString(), /cannot load the native addon \/nowhere\/countersign\.node: install/);
});

test('a program exits by itself', () => {
  const program =
    'const c = require("countersign"); new c.Registry().providers().then((p) => console.log(p.length > 2))';
  const out = execFileSync(process.execPath, ['-e', program], { cwd: import.meta.dirname, timeout: 20_000 });
  assert.equal(out.toString(), 'true\n');
});

test('a token shows no secret', () => {
  const { Token } = require('../dist/token.js');
  const token = new Token({
    accessToken: 's3cret',
    authorization: 'Bearer s3cret',
    tokenType: 'Bearer',
    expiresAtMs: 1_800_000_000_000,
    scope: null,
    source: 'minted',
    extra: {},
  });
  for (const text of [
    `${token}`,
    JSON.stringify(token),
    inspect(token, { showHidden: true }),
    inspect({ token }),
  ]) {
    assert.ok(!text.includes('s3cret'), text);
  }
  assert.deepEqual(Object.keys(token).includes('accessToken'), false);
  assert.equal(token.accessToken, 's3cret');
});

test('reads keys, signs and verifies', async () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = disposed(await Key.read(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })));
  const publicKey = disposed(await Key.read(pair.publicKey.export({ type: 'spki', format: 'der' })));
  const token = await key.sign({ sub: 'me' }, { algorithm: 'RS256', keyId: 'k1', type: 'JWT' });
  assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')), {
    alg: 'RS256',
    typ: 'JWT',
    kid: 'k1',
  });
  assert.equal(Buffer.from(await publicKey.verify(token, { algorithm: 'RS256' })).toString(), '{"sub":"me"}');
  await assert.rejects(publicKey.verify(`${token.slice(0, -4)}AAAA`, { algorithm: 'RS256' }), {
    name: 'VerificationError',
  });

  const bytes = Buffer.from('anything');
  const signature = await key.signBytes(bytes, { algorithm: 'RS256' });
  assert.ok(verify('sha256', bytes, pair.publicKey, signature));
  assert.equal((await key.info()).bits, 2048);

  const device = disposed(
    Key.fromSigner({ algorithm: 'RS256', sign: (input) => sign('sha256', input, pair.privateKey) }),
  );
  assert.ok(await publicKey.verify(await device.sign('{"sub":"me"}'), { algorithm: 'RS256' }));
  const secret = disposed(Key.fromSecret(Buffer.alloc(32, 7)));
  const mac = await secret.sign('{}', { algorithm: 'HS256' });
  assert.equal(Buffer.from(await secret.verify(mac, { algorithm: 'HS256' })).toString(), '{}');

  await assert.rejects(Key.read('not a key'), { name: 'FixConfigurationError', code: 'KEY' });
  key.close();
  await assert.rejects(key.info(), { code: 'CLOSED' });
});

test('plugins log to the registry', async () => {
  const lines = [];
  const registry = disposed(
    new Registry({ log: (level, line) => lines.push([level, line]), logLevel: 'debug' }),
  );
  await registry.loadPlugin(`${process.env.COUNTERSIGN_PLUGINS}/v1_0.so`);
  const app = {
    provider: 'frozen',
    grant: 'client-credentials',
    client_id: 'app',
    client_secret: 's3cret',
    store: 'memory',
  };
  disposed(await Client.create(app, { registry }));
  assert.ok(
    lines.some(([, line]) => line.includes('looks at a connection')),
    JSON.stringify(lines),
  );
  assert.throws(() => new Registry({ logLevel: 'loud' }), { name: 'UsageError' });
});

test('a registry runs concurrent calls one after another', async () => {
  const registry = disposed(new Registry());
  const before = (await registry.providers()).length;
  const results = await Promise.allSettled([
    registry.addProfile('this is no profile'),
    registry.providers(),
    registry.loadPlugin('relative.so'),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  );
  assert.equal(results[0].reason.code, 'SETTING');
  assert.equal(results[1].value.length, before);
  assert.ok(before >= 3);
});
