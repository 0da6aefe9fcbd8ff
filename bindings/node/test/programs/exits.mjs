// Refreshes with callbacks in a loop, and exits meanwhile: with process.exit, at once or when its
// clients are freed, with an uncaught error, or never.

import { parentPort } from 'node:worker_threads';

import { Client } from 'countersign';
import { TestClock } from 'countersign/testing';

const [path, how] = process.argv.slice(2);
const callbacks = {
  log: () => {},
  logLevel: 'debug',
  onChange: () => {},
  clock: new TestClock(),
};

const clients = [];
const refreshing = async () => {
  const client = await Client.load('docusign-jwt', { path, settings: { store: 'memory' }, ...callbacks });
  clients.push(client);
  for (;;) {
    try {
      await client.refresh();
      parentPort?.postMessage('refreshed');
    } catch (error) {
      if (how === 'freed' && (error.code === 'BUSY' || error.code === 'CLOSED')) return;
      throw error;
    }
  }
};
for (let i = 0; i < 8; i++) refreshing();

process.on('exit', () => console.log('the other listeners of exit are heard'));
setTimeout(async () => {
  if (how === 'never') return;
  if (how === 'freed') await Promise.all(clients.map((client) => client.close()));
  if (how !== 'throw') process.exit(7);
  throw new Error('uncaught');
}, 500);
