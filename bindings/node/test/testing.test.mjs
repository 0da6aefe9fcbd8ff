// The module countersign/testing, monitoring, and calls that end early.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';

import { withToken } from 'countersign';
import { Sandbox, staticSource } from 'countersign/testing';

import { disposed } from './disposed.mjs';
import { until } from './sandbox.mjs';

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

test('a fake source in a unit test', async () => {
  const source = staticSource(['stale', 'fresh']);
  const seen = [];
  const api = withToken(source, async (_, { headers }) => {
    seen.push(headers.get('authorization'));
    return new Response('{"name":"Ann"}', { status: seen.length === 1 ? 401 : 200 });
  });
  const response = await api('https://api.example.com/oauth/userinfo');
  assert.equal((await response.json()).name, 'Ann');
  assert.deepEqual(seen, ['Bearer stale', 'Bearer fresh']);
  assert.deepEqual(source.invalidated, ['stale']);
});

test('the sandbox has a client for each connection', async () => {
  const client = disposed(await sandbox.client('docusign-jwt'));
  await sandbox.fault({ status: 503, endpoint: 'token' });
  await assert.rejects(client.token(), { name: 'RetryError', retryable: true });
});

test('the diagnostics channel has each call for a token, without secrets', async () => {
  const messages = [];
  const hear = (message) => messages.push(message);
  subscribe('countersign:token', hear);
  try {
    const client = disposed(await sandbox.client('docusign-jwt'));
    const token = await client.token();
    await client.token();
    assert.deepEqual(
      messages.map(({ connection, token }) => [connection, token.source]),
      [['docusign-jwt', 'minted']],
    );
    assert.ok(messages[0].durationMs > 0);
    assert.ok(!JSON.stringify(messages).includes(token.accessToken));
  } finally {
    unsubscribe('countersign:token', hear);
  }
});

test('10,000 cancelled calls leave nothing behind, and one request', async () => {
  const client = disposed(await sandbox.client('docusign-jwt', { settings: { timeout_ms: 600_000 } }));
  await sandbox.fault({ kind: 'slow', ms: 5, endless: true });
  const threads = () => /Threads:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  const controller = new AbortController();
  const warnings = [];
  const warn = (warning) => warnings.push(warning.name);
  process.on('warning', warn);
  const first = client.token({ minValidMs: 1 }).catch((error) => error);
  const calls = Array.from({ length: 10_000 }, (_, i) =>
    client.token({ minValidMs: i + 1, signal: controller.signal }),
  );
  const during = threads();
  controller.abort();
  const outcomes = await Promise.allSettled(calls);
  // Warnings are emitted later.
  await new Promise(setImmediate);
  process.off('warning', warn);
  assert.deepEqual(warnings, []);
  assert.ok(outcomes.every(({ reason }) => reason.name === 'AbortError'));
  assert.ok(during < 60, `${during} threads`);
  await requested();
  await sandbox.reset();
  await first;
  await assert.doesNotReject(client.token());
  assert.equal(client.counts().minted, 1);
});

test('every call has a timeout', async () => {
  const client = disposed(await sandbox.client('docusign-jwt'));
  await sandbox.fault({ kind: 'slow', ms: 5, endless: true });
  const late = { name: 'TimeoutError' };
  await assert.rejects(client.token({ timeoutMs: 20 }), late);
  await assert.rejects(client.refresh({ timeoutMs: 20 }), late);
  await assert.rejects(client.identity({ timeoutMs: 20 }), late);
  await assert.rejects(client.token({ timeoutMs: -1 }), { name: 'UsageError' });
  await requested();
  await sandbox.reset();
});

/** Waits until the sandbox has received a token request. */
const requested = () => until(async () => (await sandbox.requests()).length > 0, 30, 'the request');
