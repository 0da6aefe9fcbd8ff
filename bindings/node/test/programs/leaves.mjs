// Calls process.exit during a refresh, when its input ends.

import { Client } from 'countersign';

const client = await Client.create(JSON.parse(process.argv[2]), { name: 'held' });
client.token();
process.stdin.on('end', () => process.exit(0)).resume();
