// `withToken`: one retry after a 401, and no token for other origins.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';

import { Client, withToken } from 'countersign';

import { Sandbox } from './sandbox.mjs';
import { listen } from './server.mjs';

let sandbox;
let client;
let api;
let other;
/** The requests that the API and another host received. */
let requests;
/** The API's responses, one after another. Then 200. */
let responses;

before(async () => {
  sandbox = await Sandbox.start();
  api = await start(() => responses.shift() ?? { status: 200 });
  other = await start(() => ({ status: 401 }));
});
after(async () => {
  await sandbox.stop();
  for (const server of [api, other]) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(async () => {
  await sandbox.reset();
  await client?.close();
  client = await Client.load('docusign-jwt', { path: sandbox.connections, settings: { store: 'memory' } });
  requests = [];
  responses = [];
});
after(() => client.close());

const tokensSeen = () => requests.map((request) => request.headers.authorization);

test('the token is added to the other headers', async () => {
  const response = await withToken(client)(`${api.url}/things`, { headers: { accept: 'text/plain' } });
  assert.equal(response.status, 200);
  assert.equal(tokensSeen()[0], (await client.token()).authorization);
  assert.equal(requests[0].headers.accept, 'text/plain');
});

for (const [name, body, sent] of [
  ['text', 'a=1', 'a=1'],
  ['bytes', new Uint8Array([97, 61, 49]), 'a=1'],
  ['a form', new URLSearchParams({ a: '1' }), 'a=1'],
  ['a blob', new Blob(['a=1']), 'a=1'],
]) {
  test(`a 401 repeats the request with another token and ${name}`, async () => {
    responses = [{ status: 401 }];
    const response = await withToken(client)(`${api.url}/things`, { method: 'POST', body });
    assert.equal(response.status, 200);
    assert.equal(requests.length, 2);
    assert.notEqual(tokensSeen()[0], tokensSeen()[1]);
    assert.deepEqual(
      requests.map((request) => request.body),
      [sent, sent],
    );
  });
}

test('a second 401 goes to the caller', async () => {
  responses = [{ status: 401 }, { status: 401 }, { status: 401 }];
  assert.equal((await withToken(client)(`${api.url}/things`)).status, 401);
  assert.equal(requests.length, 2);
  assert.equal((await sandbox.log()).length, 2);
});

test('a stream is not sent again, but the token is invalidated', async () => {
  responses = [{ status: 401 }];
  const body = Readable.toWeb(Readable.from([Buffer.from('a=1')]));
  const response = await withToken(client)(`${api.url}/things`, { method: 'POST', body, duplex: 'half' });
  assert.equal(response.status, 401);
  assert.equal(await response.text(), 'body');
  assert.equal(requests.length, 1);
  await withToken(client)(`${api.url}/things`);
  assert.notEqual(tokensSeen()[0], tokensSeen()[1]);
});

test('a Request without a body is sent again', async () => {
  responses = [{ status: 401 }];
  const request = new Request(`${api.url}/things`, { headers: { 'x-mine': 'yes' } });
  assert.equal((await withToken(client)(request)).status, 200);
  assert.deepEqual(
    requests.map((seen) => seen.headers['x-mine']),
    ['yes', 'yes'],
  );

  responses = [{ status: 401 }];
  const full = new Request(`${api.url}/things`, { method: 'POST', body: 'a=1' });
  assert.equal((await withToken(client)(full)).status, 401);
});

test('a redirect to another host is sent without the token', async () => {
  responses = [{ status: 307, location: `${other.url}/elsewhere` }];
  const token = await client.token();
  const response = await withToken(client)(`${api.url}/things`);
  assert.equal(response.status, 401);
  assert.deepEqual(tokensSeen(), [token.authorization, undefined]);
  // Its 401 says nothing about the token.
  assert.equal((await client.token()).accessToken, token.accessToken);
  assert.equal((await sandbox.log()).length, 1);
});

test('a signal also aborts the wait for the token', async () => {
  await sandbox.post('/_sandbox/faults', { kind: 'slow', ms: 5 });
  const signal = AbortSignal.timeout(100);
  await assert.rejects(withToken(client)(`${api.url}/things`, { signal }), { name: 'TimeoutError' });
  assert.equal(requests.length, 0);
});

/** A server that records requests. */
function start(respond) {
  return listen((request) => {
    requests.push(request);
    return respond();
  }, '127.0.0.1');
}
