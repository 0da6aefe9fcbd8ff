// Runs each example in its own process, which trusts the sandbox.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

import { Sandbox } from './sandbox.mjs';

const run = promisify(execFile);
const folder = join(import.meta.dirname, '..', 'examples');

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox.stop());
beforeEach(async () => {
  await sandbox.reset();
  // The examples use the store of the sandbox's connections.
  rmSync(join(sandbox.dir, 'tokens'), { recursive: true, force: true });
});

async function example(file, connection) {
  const env = {
    ...process.env,
    NODE_EXTRA_CA_CERTS: sandbox.caFile,
    DOCUSIGN_HOST: new URL(sandbox.url).host,
  };
  const args = [join(folder, file), connection, sandbox.connections];
  const { stdout } = await run(process.execPath, args, { env, timeout: 60_000 });
  return stdout;
}

const requests = async () => (await sandbox.log()).map(({ grant }) => grant);

test('docusign-esign', async () => {
  const out = await example('docusign-esign.mjs', 'docusign-jwt');
  assert.match(out, /of Countersign Demo, at https:\/\/demo\.docusign\.net\/restapi/);
  assert.deepEqual(await requests(), ['jwt-bearer']);
});

test('docusign-esign, with a rejected token', async () => {
  await sandbox.post('/_sandbox/faults', { status: 401, endpoint: 'userinfo', provider: 'docusign' });
  assert.match(await example('docusign-esign.mjs', 'docusign-jwt'), /of Countersign Demo/);
  assert.deepEqual(await requests(), ['jwt-bearer', 'jwt-bearer']);
});

test('jsforce', async () => {
  assert.match(await example('jsforce.mjs', 'salesforce-jwt'), /@\S+ of \w+/);
  assert.deepEqual(await requests(), ['jwt-bearer']);
});

test('jsforce, with a rejected token', async () => {
  await sandbox.post('/_sandbox/faults', { status: 401, endpoint: 'userinfo', provider: 'salesforce' });
  assert.match(await example('jsforce.mjs', 'salesforce-jwt'), /@\S+ of \w+/);
  assert.deepEqual(await requests(), ['jwt-bearer', 'jwt-bearer']);
});
