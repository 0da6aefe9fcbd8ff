// Runs each example of the README. What an example leaves out, such as a client, is added before it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { Sandbox } from './sandbox.mjs';

const VENDOR = 'https://account-d.docusign.com';
const PLUGIN = '/usr/lib/countersign/xero.so';

const run = promisify(execFile);
const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text);

let sandbox, folder;
before(async () => {
  sandbox = await Sandbox.start();
  folder = mkdtempSync(join(tmpdir(), 'countersign-readme-'));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'docusign.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(
    join(folder, 'work.toml'),
    `[connections.work]
provider = "xero"
environment = "production"
grant = "client-credentials"
client_auth = "basic"
client_id = "app"
client_secret = "s3cret"
store = "memory"
`,
  );
});
after(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true });
});

/** Runs an example in a folder of its own, and returns what it prints. */
async function printed(example, { prelude = '', rest = '', config = sandbox.connections } = {}) {
  const program = `${prelude}
process.chdir(${JSON.stringify(folder)});
${example.replace(VENDOR, sandbox.url).replace(PLUGIN, `${process.env.COUNTERSIGN_PLUGINS}/xero.so`)}
${rest}`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: sandbox.caFile, COUNTERSIGN_CONFIG: config };
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await run(process.execPath, args, { env, cwd: import.meta.dirname, timeout: 60_000 });
  return stdout;
}

/** Returns the only example with this text. */
function example(text) {
  const found = examples.filter((one) => one.includes(text));
  assert.equal(found.length, 1, text);
  return found[0];
}

test('the program has at most ten lines, and runs', async () => {
  assert.ok(examples[0].trim().split('\n').length <= 10, examples[0]);
  assert.match(await printed(examples[0]), /^200 Alex Kim\n/);
});

test('settings in the program', async () => {
  const prelude = "import { Client } from 'countersign';";
  const rest = 'console.log(await client.consentUrl()); await client.close();';
  const redirect = "redirect_uri: 'https://app.example.com/callback',\n  store:";
  const complete = example('private_key_file').replace('store:', redirect);
  assert.match(await printed(complete, { prelude, rest }), /client_id=7c2b8d7e-83c3-4940-af5e-cda8a50dd73f/);
});

test('axios and undici', async () => {
  const prelude = "import { staticSource } from 'countersign/testing'; const client = staticSource('t0ken');";
  const rest = 'console.log(typeof api.get, typeof agent.dispatch);';
  assert.equal(await printed(example('countersign/axios'), { prelude, rest }), 'function function\n');
});

test('a test with a fake source', async () => {
  assert.match(await printed(example('staticSource')), /pass 1/);
});

test('a plugin', async () => {
  const prelude = "import { Client, Registry } from 'countersign';";
  const rest = 'console.log((await registry.providers()).map(({ id }) => id)); await client.close();';
  const config = join(folder, 'work.toml');
  assert.match(await printed(example('loadPlugin'), { prelude, rest, config }), /'xero'/);
});

test('no example is left out', () => {
  assert.equal(examples.length, 5);
});
