// Tests that are not scenarios: the event loop, callbacks, aborting, closing, collecting.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, pbkdf2, sign } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { inspect, promisify } from 'node:util';

import {
  Client,
  FixConfigurationError,
  Key,
  Login,
  ReauthorizeError,
  RetryError,
  UnexpectedError,
} from 'countersign';
import { TestClock } from 'countersign/testing';

import { disposed } from './disposed.mjs';
import { Sandbox, until } from './sandbox.mjs';

const derive = promisify(pbkdf2);
let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

const open = (name, options = {}) =>
  Client.load(name, {
    path: sandbox.connections,
    ...options,
    settings: { store: 'memory', ...options.settings },
  });

const slow = (ms) => sandbox.post('/_sandbox/faults', { kind: 'slow', ms });

test('a persistent store needs a name', async () => {
  const settings = {
    provider: 'boldsign',
    environment: 'us',
    grant: 'client-credentials',
    client_id: 'my-app',
    client_secret: 's3cret',
    store: `file:${mkdtempSync(join(tmpdir(), 'countersign-'))}/tokens`,
  };
  await assert.rejects(
    Client.create(settings),
    (error) => error instanceof FixConfigurationError && error.setting === 'name',
  );
  disposed(await Client.create(settings, { name: 'ann' }));
});

test('the event loop runs during a slow response', async () => {
  const client = disposed(await open('docusign-jwt'));
  await slow(40);
  let ticks = 0;
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    ticks += 1;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  const start = performance.now();
  await client.token();
  const took = performance.now() - start;
  clearInterval(timer);
  assert.ok(took > 500, `the response took only ${took} ms, which proves nothing`);
  assert.ok(ticks > took / 50, `${ticks} ticks of 5 ms in ${took} ms`);
  assert.ok(longest < took / 2, `the event loop was blocked for ${longest} of ${took} ms`);
});

test('peek returns a fresh token at once, and sends no request', async () => {
  const client = disposed(await open('docusign-jwt'));
  assert.equal(client.peek(), undefined);
  assert.deepEqual(await sandbox.log(), []);
  const token = await client.token();
  assert.equal(client.peek(), token.accessToken);
  assert.equal(await client.accessToken(), token.accessToken);
  await client.invalidate(token);
  assert.equal(client.peek(), undefined);
  assert.notEqual(await client.accessToken(), token.accessToken);
});

test('a call after invalidate does not share an earlier call', async () => {
  const client = disposed(await open('docusign-jwt'));
  const [asked, joined] = [client.token({ minValidMs: 10_000 }), client.token({ minValidMs: 10_000 })];
  const rejected = client.invalidate('another');
  const later = client.token({ minValidMs: 10_000 });
  const token = await asked;
  assert.equal(token, await joined, 'the shared token');
  assert.notEqual(token, await later, 'a new token');
  await rejected;
  const invalidated = client.invalidate(token);
  const other = await client.token();
  assert.notEqual(other.accessToken, token.accessToken, 'not the invalidated token');
  await invalidated;
  assert.equal((await client.token()).accessToken, other.accessToken);
});

test('a cached token needs no thread, also with minValidMs', async () => {
  const client = disposed(await open('docusign-jwt'));
  const minted = await client.token();
  let busy = true;
  const pool = Promise.all(
    Array.from({ length: 8 }, () => derive('password', 'salt', 100_000, 64, 'sha512')),
  );
  const free = pool.then(() => {
    busy = false;
  });
  const first = await client.token();
  const longer = await client.token({ minValidMs: 60_000, signal: new AbortController().signal });
  assert.ok(busy, 'the call waited for a thread of the pool');
  assert.deepEqual([minted.source, first.source], ['minted', 'cache']);
  assert.equal(first.accessToken, minted.accessToken);
  assert.equal(first, longer, 'the same object');
  assert.equal(client.counts().hits, 2);
  await free;
  await assert.doesNotReject(client.token({ minValidMs: 7_200_000 }));
});

test('a signer replaces the key file', async () => {
  const key = createPrivateKey(readFileSync(sandbox.settings('docusign-jwt').private_key_file));
  const signer = { algorithm: 'RS256', sign: (input) => sign('sha256', input, key) };
  await assert.rejects(open('docusign-jwt', { signer }), { setting: 'private_key' });
  const left = { private_key: null, subject: undefined };
  const client = disposed(await open('docusign-jwt', { signer, settings: left }));
  assert.equal((await client.token()).source, 'minted');
  // Settings are removed before others are set, whatever their order.
  const file = sandbox.settings('docusign-jwt').private_key_file;
  const given = { private_key: readFileSync(file, 'utf8'), private_key_file: null };
  assert.equal((await disposed(await open('docusign-jwt', { settings: given })).token()).source, 'minted');
  await assert.rejects(open('docusign-jwt', { settings: { private_kee: null } }), { setting: 'private_kee' });
});

test('aborting rejects at once, and the request continues', async () => {
  const client = disposed(await open('docusign-jwt'));
  // The response ends with the reset, so the call can't return because of it.
  await sandbox.post('/_sandbox/faults', { kind: 'slow', ms: 5, endless: true });
  const signal = AbortSignal.timeout(100);
  await assert.rejects(client.token({ signal }), { name: 'TimeoutError' });
  const next = client.token();
  await until(async () => (await sandbox.log()).length > 0, 60, 'the request');
  await sandbox.reset();
  const token = await next;
  assert.equal(client.counts().minted, 1);
  assert.equal(token.accessToken, client.peek());
  assert.deepEqual(await sandbox.log(), [], 'no second request');
});

test('an aborted signal sends no request', async () => {
  const client = disposed(await open('docusign-jwt'));
  const reason = new Error('enough');
  await assert.rejects(client.token({ signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(await sandbox.log(), []);
});

test('the hint names a supported key', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const file = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await assert.rejects(
    Key.read(file),
    (error) => error instanceof FixConfigurationError && error.hint.includes('P-256 or P-384'),
  );
});

test('all callbacks at the same time, from the threads of the library', { timeout: 30_000 }, async () => {
  const file = sandbox.settings('docusign-jwt').private_key_file;
  const key = createPrivateKey(readFileSync(file));
  const heard = { sign: 0, log: [], change: [] };
  const options = {
    settings: { min_valid_s: 60 },
    signer: {
      algorithm: 'RS256',
      sign: (input) => {
        heard.sign += 1;
        return sign('sha256', input, key);
      },
    },
    clock: new TestClock(),
    log: (level, line) => heard.log.push([level, line]),
    logLevel: 'debug',
    onChange: (change, token) => heard.change.push([change, token.accessToken]),
  };
  const settings = { ...sandbox.settings('docusign-jwt'), store: 'memory', min_valid_s: 60 };
  delete settings.private_key_file;
  const client = disposed(await Client.create(settings, options));
  // The library holds locks during callbacks, and peek runs on this thread. Neither may wait for
  // the other.
  let asking = true;
  const peeking = (async () => {
    while (asking) {
      client.peek();
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const tokens = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      i % 10 === 0 ? client.refresh() : client.token({ minValidMs: 1000 * i }),
    ),
  );
  asking = false;
  await peeking;
  assert.ok(heard.sign > 0);
  assert.equal(heard.change.length, heard.sign);
  assert.ok(heard.log.some(([level, line]) => level === 'info' && line.includes('/oauth/token')));
  for (const { accessToken } of tokens) {
    assert.ok(heard.change.some(([, value]) => value === accessToken));
    assert.ok(!heard.log.some(([, line]) => line.includes(accessToken)), 'a token is in the log');
  }
});

test("a signer's exception is the cause of the error", async () => {
  const settings = { ...sandbox.settings('docusign-jwt'), store: 'memory' };
  delete settings.private_key_file;
  const cause = new Error('the device is not there');
  const failing = {
    algorithm: 'RS256',
    sign: () => {
      throw cause;
    },
  };
  const client = disposed(await Client.create(settings, { signer: failing }));
  const error = await client.token().catch((thrown) => thrown);
  assert.equal(error.code, 'SIGNING');
  assert.equal(error.cause, cause);

  const wrong = disposed(
    await Client.create(settings, { signer: { algorithm: 'RS256', sign: () => 'text' } }),
  );
  await assert.rejects(wrong.token(), (thrown) => /must return a Uint8Array/.test(thrown.cause.message));
});

test('a signer may return a promise', async () => {
  const file = sandbox.settings('docusign-jwt').private_key_file;
  const key = createPrivateKey(readFileSync(file));
  const settings = { ...sandbox.settings('docusign-jwt'), store: 'memory' };
  delete settings.private_key_file;
  const later = {
    algorithm: 'RS256',
    sign: async (input) => {
      await new Promise((resolve) => setImmediate(resolve));
      return sign('sha256', input, key);
    },
  };
  const client = disposed(await Client.create(settings, { signer: later }));
  assert.equal((await client.token()).source, 'minted');

  const cause = new Error('the KMS is not there');
  const rejecting = { algorithm: 'RS256', sign: () => Promise.reject(cause) };
  const other = disposed(await Client.create(settings, { signer: rejecting }));
  await assert.rejects(other.token(), { code: 'SIGNING', cause });
});

test("a listener's exception becomes a warning, and the call succeeds", async () => {
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const client = disposed(
    await open('docusign-jwt', {
      onChange: () => {
        throw new Error('the listener is broken');
      },
    }),
  );
  assert.ok((await client.token()).accessToken);
  assert.match((await warned).message, /the listener is broken/);
});

test('a test can advance the clock', async () => {
  const clock = new TestClock();
  const client = disposed(await open('docusign-jwt', { clock }));
  const { expiresAt } = await client.token();
  assert.ok(Math.abs(expiresAt - clock.now - 3_600_000) < 30_000);
  assert.ok(client.peek());
  clock.advance(3_600_000);
  assert.equal(client.peek(), undefined);
});

test('concurrent failures keep their own causes', async () => {
  const key = disposed(
    Key.fromSigner({ algorithm: 'ES256', sign: (input) => raise(Buffer.from(input).toString()) }),
  );
  const asked = ['one', 'two', 'three'].map((input) =>
    key.signBytes(Buffer.from(input)).catch((error) => error),
  );
  const errors = await Promise.all(asked);
  assert.deepEqual(
    errors.map((error) => [error.code, error.cause.message]),
    [
      ['SIGNING', 'one'],
      ['SIGNING', 'two'],
      ['SIGNING', 'three'],
    ],
  );
});

function raise(message) {
  throw new Error(message);
}

test('a token is immutable', async () => {
  const client = disposed(await open('docusign-jwt'));
  const token = await client.token();
  for (const name of ['accessToken', 'authorization', 'source', 'other']) {
    assert.throws(() => {
      token[name] = 'EVIL';
    }, TypeError);
  }
  assert.throws(() => {
    token.extra.instance_url = 'https://evil.example';
  }, TypeError);
  assert.equal((await client.token()).accessToken, token.accessToken);
});

test('a drained client starts no request', async () => {
  const client = disposed(await open('docusign-jwt'));
  const { accessToken } = await client.token();
  await client.drain();
  assert.equal((await client.token()).accessToken, accessToken);
  await client.invalidate(accessToken);
  await assert.rejects(client.token(), { name: 'RetryError', code: 'BUSY' });
  await client.close();
  await assert.rejects(client.token(), { code: 'CLOSED' });
});

test('only force forgets a grant that was not revoked', async () => {
  const settings = { store: 'memory' };
  const client = await Client.load('salesforce-jwt', { path: sandbox.connections, settings });
  await client.token();
  await sandbox.post('/_sandbox/faults', { status: 503, endpoint: 'revoke', times: 2 });
  const { revocation, reason } = await client.forget();
  assert.equal(revocation, 'failed');
  assert.equal(reason.httpStatus, 503);
  assert.equal((await client.forget({ force: true })).revocation, 'failed');
  assert.equal((await client.forget()).revocation, 'nothing_held');
  assert.equal((await client.token()).source, 'minted');
  await client.close();
});

test('a closed client rejects, and calls in progress end', async () => {
  const client = await open('docusign-jwt');
  await slow(2);
  const asked = client.token();
  await until(async () => (await sandbox.log()).length > 0, 10, 'the request');
  const closing = [client.close(), client.close()];
  for (const late of ['token', 'refresh', 'identity', 'events', 'forget', 'accessToken']) {
    const closed = { name: 'UsageError', code: 'CLOSED', kind: 'usage', retryable: false };
    await assert.rejects(client[late](), closed, late);
  }
  assert.throws(() => client.peek(), UnexpectedError);
  assert.throws(() => client.counts(), { code: 'CLOSED' });
  assert.ok((await asked).accessToken);
  await Promise.all(closing);
});

test('an unreachable client is freed, with its callbacks', async () => {
  const { callbacksHeld } = await import('../dist/callbacks.js');
  const before = callbacksHeld();
  await (async () => {
    const client = await open('docusign-jwt', { log: () => {}, onChange: () => {} });
    await client.token();
    assert.equal(callbacksHeld(), before + 2);
  })();
  await until(
    () => {
      globalThis.gc();
      return callbacksHeld() === before;
    },
    10,
    'the client to be freed',
  );
});

test('the callbacks are released if building a client fails', async () => {
  const { callbacksHeld } = await import('../dist/callbacks.js');
  const before = callbacksHeld();
  await assert.rejects(open('docusign-jwt', { log: () => {}, settings: { store_key: 'too-short' } }));
  await until(() => callbacksHeld() === before, 5, 'the callbacks to be released');
});

test('a login can be saved and restored', async () => {
  const client = disposed(await open('docusign-code'));
  const started = await client.startLogin();
  const login = Login.restore(started.save());
  assert.deepEqual([login.url, login.state], [started.url, started.state]);
  assert.ok(!inspect(login, { showHidden: true }).includes(login.state));
  assert.ok(login.url.startsWith(sandbox.url));
  const token = await client.completeLogin(login, await sandbox.decide(login.url, 'allow'));
  assert.equal(token.source, 'minted');
  assert.throws(() => Login.restore('not a login'), ReauthorizeError);
});

test('a complete login on this machine', async () => {
  const client = disposed(
    await open('docusign-code', { settings: { redirect_uri: 'http://127.0.0.1/callback' } }),
  );
  const browser = async (url) => {
    const response = await sandbox.fetch(`${url}&_sandbox=allow`, { redirect: 'manual' });
    await response.arrayBuffer();
    await (await fetch(response.headers.get('location'))).arrayBuffer();
  };
  let opened;
  const token = await client.login({
    timeoutMs: 20_000,
    open: (url) => {
      opened = browser(url);
    },
  });
  await opened;
  assert.equal(token.source, 'minted');

  const cause = new Error('no browser here');
  await assert.rejects(
    client.login({
      timeoutMs: 20_000,
      open: () => {
        throw cause;
      },
    }),
    { cause },
  );
});

test('errors say what to do', async () => {
  await assert.rejects(Client.create({ providr: 'docusign' }), {
    name: 'FixConfigurationError',
    code: 'SETTING',
    verdict: 'fix_configuration',
    setting: 'providr',
    message: '`providr` is not a setting; did you mean `provider`?',
  });
  await assert.rejects(Client.create({ provider: true }), /is a boolean/);
  await assert.rejects(open('no-such-connection'), { code: 'SETTING' });
  const client = disposed(await open('boldsign-cc', { settings: { base_url: 'https://127.0.0.1:1' } }));
  await assert.rejects(client.token(), RetryError);
  await assert.rejects(client.token({ minValidMs: -1 }), /`minValidMs` is -1/);
});

test('an argument of a wrong type is named, without its value, and the process ends', async () => {
  const program = `
    import { Client, Key, Registry } from 'countersign';
    const settings = { provider: 'boldsign', environment: 'us', grant: 'client-credentials' };
    Object.assign(settings, { client_id: 'a', client_secret: 'b', store: 'memory' });
    const signer = { algorithm: 5150, sign() {} };
    const client = await Client.create(settings);
    const calls = [
      () => Client.create(settings, { name: 5150 }),
      () => Client.create(settings, { signer }),
      () => Client.create(settings, { registry: {} }),
      () => Client.create(settings, { clock: () => 5150 }),
      () => Key.read('key', { passphrase: 5150 }),
      async () => Key.fromSigner(signer),
      () => client.startLogin({ redirectUri: 5150 }),
      () => new Registry().addProfile(5150),
    ];
    for (const call of calls) {
      await call().then(() => console.log('none'), ({ name, message }) => console.log(name, message));
    }`;
  const args = ['--input-type=module', '--eval', program];
  const run = spawnSync(process.execPath, args, { cwd: import.meta.dirname, timeout: 60_000 });
  assert.equal(run.status, 0, run.stderr.toString());
  const said = run.stdout.toString();
  assert.deepEqual(said.match(/^UsageError (.*) has the wrong type$/gm), said.trim().split('\n'));
  assert.deepEqual(said.match(/`.*`/g), [
    '`name`',
    '`signer.algorithm`',
    '`registry`',
    '`clock`',
    '`algorithm`',
  ]);
});

test('refreshTokenExpiresAt', async () => {
  const settings = { store: 'memory' };
  const client = await Client.load('salesforce-refresh', { path: sandbox.connections, settings });
  assert.equal(await client.refreshTokenExpiresAt(), null);
  const body = JSON.stringify({ access_token: 'a', refresh_token: 'r1', refresh_token_expires_in: 5000 });
  await sandbox.post('/_sandbox/faults', { status: 200, content_type: 'application/json', body });
  await client.token();
  const end = await client.refreshTokenExpiresAt();
  assert.ok(Math.abs(end - Date.now() - 5_000_000) < 60_000, `${end}`);
  await client.close();
});

test('consentUrl', async () => {
  const client = disposed(await open('docusign-jwt'));
  assert.ok((await client.consentUrl()).startsWith(`${sandbox.url}/oauth/auth?response_type=code`));
  await client.token();
  await client.checkSaved();
});
