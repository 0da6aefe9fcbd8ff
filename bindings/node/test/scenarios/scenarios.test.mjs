// Runs every scenario in $COUNTERSIGN_SCENARIOS. tests/scenarios/README.md specifies them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Sandbox } from '../sandbox.mjs';
import { Run } from './run.mjs';

const folder = process.env.COUNTERSIGN_SCENARIOS;
if (!folder) throw new Error('COUNTERSIGN_SCENARIOS is not set: set it to the folder of the scenarios');

const results = {};
let sandbox;

before(async () => {
  sandbox = await Sandbox.start();
});

after(async () => {
  await sandbox.stop();
  const out = process.env.COUNTERSIGN_SCENARIO_RESULTS;
  if (!out) return;
  mkdirSync(out, { recursive: true });
  const body = { language: 'node', scenarios: results };
  writeFileSync(join(out, 'node.json'), `${JSON.stringify(body, null, 2)}\n`);
});

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.json')) continue;
  const name = file.slice(0, -'.json'.length);
  // Without a timeout, a scenario that hangs would block the whole run.
  test(name, { timeout: 60_000 }, async () => {
    results[name] = 'failed: it did not end';
    try {
      await sandbox.reset();
      await new Run(sandbox, name, JSON.parse(readFileSync(join(folder, file), 'utf8'))).run();
      results[name] = 'ok';
    } catch (error) {
      results[name] = `failed: ${error.message}`;
      throw error;
    }
  });
}
