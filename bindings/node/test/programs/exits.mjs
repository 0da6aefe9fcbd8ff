// Refreshes with callbacks without end, and ends in the midst of it: by process.exit, or by an error nobody catches.

import { Client } from 'countersign';

const [path, how] = process.argv.slice(2);
const callbacks = {
  log: () => {},
  logLevel: 'debug',
  onChange: () => {},
  clock: () => ({ unixMs: Date.now(), bootMs: performance.now() }),
};

const refreshing = async () => {
  const client = await Client.load('docusign-jwt', { path, settings: { store: 'memory' }, ...callbacks });
  for (;;) await client.refresh();
};
for (let i = 0; i < 8; i++) refreshing();

process.on('exit', () => console.log('the other listeners of exit are heard'));
setTimeout(() => {
  if (how === 'exit') process.exit(7);
  throw new Error('nobody catches this');
}, 500);
