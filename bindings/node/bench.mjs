// Measures calls: a line of JSON per measurement, in nanoseconds per call (the median of nine
// runs).

import { Client } from 'countersign';

import { addon } from './dist/addon.js';
import { Sandbox } from './test/sandbox.mjs';

const sandbox = await Sandbox.start();
try {
  const client = await Client.load('docusign-jwt', {
    path: sandbox.connections,
    settings: { store: 'memory' },
  });
  await client.token();

  await measure('empty call of the addon', 2_000_000, (calls) => {
    for (let i = 0; i < calls; i++) addon.version();
  });
  await measure('cached access token', 300_000, (calls) => {
    for (let i = 0; i < calls; i++) client.peek();
  });
  await measure('cached access token, as a promise', 200_000, async (calls) => {
    for (let i = 0; i < calls; i++) await client.accessToken();
  });
  await measure('cached token object', 200_000, async (calls) => {
    for (let i = 0; i < calls; i++) await client.token();
  });
  await measure('cached token object, for a given time', 200_000, async (calls) => {
    for (let i = 0; i < calls; i++) await client.token({ minValidMs: 1000 });
  });
  await client.close();
} finally {
  await sandbox.stop();
}

async function measure(what, calls, run) {
  await run(calls / 10);
  const times = [];
  for (let i = 0; i < 9; i++) {
    const start = process.hrtime.bigint();
    await run(calls);
    times.push(Number(process.hrtime.bigint() - start) / calls);
  }
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ what, ns: Math.round(times[4] * 10) / 10 }));
}
