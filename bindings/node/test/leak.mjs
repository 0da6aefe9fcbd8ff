// Creates, uses and frees the package's objects 10,000 times, and fails if the memory grows. Run
// with --expose-gc.

import { generateKeyPairSync } from 'node:crypto';

import { Client, Key, Login } from 'countersign';
import { TestClock } from 'countersign/testing';

import { callbacksHeld } from '../dist/callbacks.js';
import { Sandbox, until } from './sandbox.mjs';

const ROUNDS = 10_000;
const WARM_UP = 4_000;
const ALLOWED_MIB = 4;

if (!globalThis.gc) throw new Error('run node with --expose-gc');
const sandbox = await Sandbox.start();
try {
  const settings = { ...sandbox.settings('docusign-code'), store: 'memory', roots: 'bundled' };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const callbacks = {
    log: () => {},
    onChange: () => {},
    clock: new TestClock(),
  };

  await measured('keys, and clients that fail', ROUNDS, WARM_UP, async (round) => {
    const key = await Key.read(pem);
    await key.verify(await key.sign({ round }));
    await key.verify('not.a.token').catch(() => {});
    // Every other object is left to the garbage collector.
    if (round % 2) key.close();
    const client = await Client.create(settings, callbacks);
    await client.token().catch(() => {});
    if (round % 10 === 0) Login.restore((await client.startLogin()).save());
    if (round % 2) await client.close();
  });

  const asking = { ...sandbox.settings('boldsign-cc'), store: 'memory' };
  const client = await Client.create(asking, callbacks);
  await measured('tokens', 600, 300, () => client.refresh());
  await client.close();
} finally {
  await sandbox.stop();
}

/** Runs the rounds, and compares the resident memory after the warm-up and at the end. */
async function measured(what, rounds, warmUp, body) {
  const held = callbacksHeld();
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    await body(round);
    if (round % 100 === 99) globalThis.gc();
    if (round === warmUp - 1) before = await settled(held);
  }
  const grown = (await settled(held)) - before;
  console.log(`${what}: ${rounds} rounds, ${grown.toFixed(1)} MiB more than after ${warmUp}`);
  if (grown > ALLOWED_MIB) throw new Error(`${what}: memory grew by ${grown.toFixed(1)} MiB`);
}

/** Returns the resident memory in MiB, after dropped objects have been freed. */
async function settled(held) {
  await until(
    () => {
      globalThis.gc();
      return callbacksHeld() <= held;
    },
    20,
    'the callbacks to be released',
  );
  return process.memoryUsage().rss / 1024 / 1024;
}
