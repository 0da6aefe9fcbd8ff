// How processes and workers exit while callbacks are in use.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
  test(`a process exits during callbacks: ${how}`, () => {
    const args = [join(programs, 'exits.mjs'), sandbox.connections, how];
    const run = spawnSync(process.execPath, args, { timeout: 20_000 });
    assert.equal(run.status, status, run.stderr.toString());
    assert.match(run.stdout.toString(), /the other listeners of exit are heard/);
  });
}

for (const how of ['end', 'exit']) {
  test(`coverage and a CPU profile are written despite callbacks: ${how}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-profiles-'));
    try {
      const program = [join(programs, 'profiled.mjs'), sandbox.connections, how];
      const args = ['--cpu-prof', `--cpu-prof-dir=${join(folder, 'profiles')}`, ...program];
      const env = { ...process.env, NODE_V8_COVERAGE: join(folder, 'coverage') };
      const run = spawnSync(process.execPath, args, { timeout: 60_000, env });
      assert.equal(run.status, 0, run.stderr.toString());
      assert.equal(readdirSync(join(folder, 'coverage')).length, 1);
      assert.equal(readdirSync(join(folder, 'profiles')).length, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('a process that frees its clients before it exits writes a CPU profile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-profiles-'));
  try {
    const program = [join(programs, 'exits.mjs'), sandbox.connections, 'freed'];
    const run = spawnSync(process.execPath, ['--cpu-prof', `--cpu-prof-dir=${folder}`, ...program], {
      timeout: 60_000,
    });
    assert.equal(run.status, 7, run.stderr.toString());
    assert.equal(readdirSync(folder).length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const how of ['exit', 'throw']) {
  test(`a process that ends during callbacks writes coverage and a CPU profile: ${how}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-profiles-'));
    try {
      const program = [join(programs, 'exits.mjs'), sandbox.connections, how];
      const args = ['--cpu-prof', `--cpu-prof-dir=${join(folder, 'profiles')}`, ...program];
      const env = { ...process.env, NODE_V8_COVERAGE: join(folder, 'coverage') };
      const run = spawnSync(process.execPath, args, { timeout: 60_000, env });
      assert.equal(run.status, how === 'exit' ? 7 : 1, run.stderr.toString());
      assert.equal(readdirSync(join(folder, 'coverage')).length, 1);
      assert.equal(readdirSync(join(folder, 'profiles')).length, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('a worker can be terminated during callbacks', async () => {
  const args = { argv: [sandbox.connections, 'never'] };
  const workers = Array.from({ length: 3 }, () => new Worker(join(programs, 'exits.mjs'), args));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  await Promise.all(workers.map((worker) => worker.terminate()));
  const other = new Worker(join(programs, 'worker.mjs'), { workerData: sandbox.connections });
  assert.deepEqual(await once(other, 'message'), ['minted']);
  assert.deepEqual(await once(other, 'exit'), [0]);
});

test('a worker ends when its clients are closed', async () => {
  const workers = Array.from({ length: 3 }, () => {
    return new Worker(join(programs, 'worker.mjs'), { workerData: sandbox.connections });
  });
  const ended = Promise.all(workers.map((worker) => once(worker, 'exit')));
  const sources = await Promise.all(workers.map((worker) => once(worker, 'message')));
  assert.deepEqual(sources.flat(), ['minted', 'minted', 'minted']);
  assert.deepEqual((await ended).flat(), [0, 0, 0]);
});
