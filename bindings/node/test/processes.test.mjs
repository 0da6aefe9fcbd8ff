// Processes and workers that are started during a refresh and keep running.

import assert from 'node:assert/strict';
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Client } from 'countersign';

import { Sandbox, until } from './sandbox.mjs';

const asking = join(import.meta.dirname, 'programs', 'asks.mjs');

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());
beforeEach(() => sandbox.reset());

/** Returns a client with a refresh in flight, to which the sandbox responds slowly. */
async function refreshing() {
  const settings = { store: `file:${sandbox.dir}/kept` };
  const client = await Client.load('boldsign-cc', { path: sandbox.connections, settings });
  await client.token();
  await sandbox.post('/_sandbox/faults', { kind: 'slow', ms: 40 });
  const before = (await sandbox.log()).length;
  const call = client.refresh();
  await until(async () => (await sandbox.log()).length > before);
  return { client, call, argument: [sandbox.connections, settings.store] };
}

for (const [how, start] of [
  ['child_process.fork', (argument) => fork(asking, argument)],
  ['worker_threads', (argument) => new Worker(asking, { argv: argument })],
]) {
  test(`${how}: a child keeps no lease`, async () => {
    const { client, call, argument } = await refreshing();
    const child = start(argument);
    const send = (word) => (child.send ? child.send(word) : child.postMessage(word));
    await call;
    assert.equal((await client.refresh()).source, 'minted');
    send('ask');
    const [reported] = await once(child, 'message');
    assert.deepEqual(reported, ['store', 'minted']);
    assert.equal((await client.refresh()).source, 'store');
    assert.equal((await client.refresh()).source, 'minted');
    const ended = once(child, 'exit');
    send('end');
    assert.equal((await ended)[0], 0);
    await client.close();
  });
}

test('a program inherits no descriptor', { skip: !existsSync('/proc/self/fd') }, async () => {
  const inherited = () => spawnSync('ls', ['/proc/self/fd']).stdout.toString();
  const before = inherited();
  const { client, call } = await refreshing();
  const during = inherited();
  const idle = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  await call;
  assert.equal(during, before);
  assert.equal((await client.refresh()).source, 'minted');
  idle.stdin.end();
  await once(idle, 'exit');
  await client.close();
});
