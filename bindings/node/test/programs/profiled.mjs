// Uses a client with every kind of callback, doesn't close it, and exits: by itself or with
// process.exit.

import { Client } from 'countersign';
import { TestClock } from 'countersign/testing';

const [path, how] = process.argv.slice(2);
const client = await Client.load('docusign-jwt', {
  path,
  settings: { store: 'memory' },
  log: () => {},
  onChange: () => {},
  clock: new TestClock(),
});
await client.token();
globalThis.kept = client;
if (how === 'exit') process.exit(0);
