// A process or a worker: reports the tokens of its own client on request, and runs until it is told
// to exit.

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
  const reported = [(await client.token()).source, (await client.refresh()).source];
  await client.close();
  if (parentPort) parentPort.postMessage(reported);
  else process.send(reported);
});
