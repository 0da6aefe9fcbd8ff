// A client with callbacks in a worker that ends when it is closed.

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
client.close();
