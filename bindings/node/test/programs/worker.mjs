// A worker with a client with callbacks. It exits when the client is closed.

import { parentPort, workerData } from 'node:worker_threads';

import { Client } from 'countersign';

const settings = { store: 'memory' };
const client = await Client.load('docusign-jwt', {
  path: workerData,
  settings,
  log: () => {},
  onChange: () => {},
});
parentPort.postMessage((await client.token()).source);
await client.close();
