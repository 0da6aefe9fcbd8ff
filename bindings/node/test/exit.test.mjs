// How processes and workers end whose callbacks are in use.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Sandbox } from './sandbox.mjs';

const programs = join(import.meta.dirname, 'programs');

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());

for (const [how, status] of [
  ['exit', 7],
  ['throw', 1],
]) {
  test(`a process ends amid callbacks: ${how}`, () => {
    const args = [join(programs, 'exits.mjs'), sandbox.connections, how];
    const run = spawnSync(process.execPath, args, { timeout: 20_000 });
    assert.equal(run.status, status, run.stderr.toString());
    assert.match(run.stdout.toString(), /the other listeners of exit are heard/);
  });
}

test('a worker ends when its clients are closed', async () => {
  const workers = Array.from({ length: 3 }, () => {
    return new Worker(join(programs, 'worker.mjs'), { workerData: sandbox.connections });
  });
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit')));
  const sources = await Promise.all(workers.map((worker) => once(worker, 'message')));
  assert.deepEqual(sources.flat(), ['minted', 'minted', 'minted']);
  assert.deepEqual((await ended).flat(), [0, 0, 0]);
});
