// Tests `withToken` with the cases in tests/adapters, which all languages run.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';

import { Client, withToken } from 'countersign';

import { Sandbox } from './sandbox.mjs';
import { listen } from './server.mjs';

const file = join(process.env.COUNTERSIGN_SCENARIOS, '..', 'adapters', 'cases.json');
const shared = JSON.parse(readFileSync(file, 'utf8'));

let sandbox;
let client;
const servers = {};
/** The servers' responses, and the requests that they received. */
let responses;
let arrived;

before(async () => {
  sandbox = await Sandbox.start();
  for (const name of ['api', 'other']) servers[name] = await start(name);
});
after(async () => {
  client.close();
  await sandbox.stop();
  for (const server of Object.values(servers)) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(async () => {
  await sandbox.reset();
  client?.close();
  client = await Client.load('docusign-jwt', { path: sandbox.connections, settings: { store: 'memory' } });
  responses = [];
  arrived = [];
});

for (const { name, calls, responses: scripted, sent, status } of shared.cases) {
  test(name, async () => {
    const first = (await client.token()).authorization;
    responses = [...scripted];
    const statuses = [];
    for (const call of calls) statuses.push((await send(call)).status);
    const second = (await client.token()).authorization;
    const named = (token) => ({ undefined: 'none', [second]: 'second', [first]: 'first' })[token] ?? token;
    assert.deepEqual(
      arrived.map(({ token, ...rest }) => ({ ...rest, token: named(token) })),
      sent.map(({ to, path, token, body = '' }) => ({ to, path, body, token })),
    );
    assert.deepEqual(statuses, status);
  });
}

for (const url of shared.clear_text.rejected) {
  test(`no token is sent in clear text to ${url}`, async () => {
    for (const input of [url, new URL(url), ...(url.includes('@') ? [] : [new Request(url)])]) {
      await assert.rejects(withToken(client, () => assert.fail('sent'))(input), {
        name: 'UnexpectedError',
        kind: 'usage',
        message: /is not sent to/,
      });
    }
    assert.equal(client.counts().minted, 0);
  });
}

for (const url of shared.clear_text.sent) {
  test(`a loopback address gets the token: ${url}`, async () => {
    assert.equal((await send({ url })).status, 200);
    assert.deepEqual(
      arrived.map(({ token }) => token),
      [(await client.token()).authorization],
    );
  });
}

function send({ url, body, stream, authorization }) {
  const init = { headers: authorization ? { authorization } : {} };
  if (body !== undefined) {
    init.method = 'POST';
    init.body = stream ? Readable.toWeb(Readable.from([Buffer.from(body)])) : body;
    if (stream) init.duplex = 'half';
  }
  return withToken(client)(filled(url), init);
}

function filled(text) {
  return text.replace(/\{(api|other|port)\}/g, (_, word) =>
    word === 'port' ? servers.api.port : servers[word].url,
  );
}

/** One of the servers. */
function start(name) {
  return listen(({ url, headers, body }) => {
    arrived.push({ to: name, path: url, body, token: headers.authorization });
    const next = responses.findIndex(({ at }) => at === name);
    const [{ status, location }] = next < 0 ? [{ status: 200 }] : responses.splice(next, 1);
    return { status, location: location && filled(location) };
  });
}
