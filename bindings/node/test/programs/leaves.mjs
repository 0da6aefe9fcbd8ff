// Calls process.exit, when its input ends, in the middle of a refresh.

import { Client } from 'countersign';

const client = await Client.create(JSON.parse(process.argv[2]), { name: 'held' });
client.token();
process.stdin.on('end', () => process.exit(0)).resume();
