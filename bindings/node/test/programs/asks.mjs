// A process or a worker: says what a client of its own gives when it is asked, and lives on until it is told to end.

import { parentPort } from 'node:worker_threads';

import { Client } from 'countersign';

const [path, store] = process.argv.slice(2);
const parent = parentPort ?? process;
parent.on('message', async (word) => {
  if (word === 'end') {
    if (parentPort) parentPort.close();
    else process.disconnect();
    return;
  }
  const client = await Client.load('boldsign-cc', { path, settings: { store } });
  const told = [(await client.token()).source, (await client.refresh()).source];
  client.close();
  if (parentPort) parentPort.postMessage(told);
  else process.send(told);
});
