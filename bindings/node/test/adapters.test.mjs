// Tests the adapters for fetch, undici and axios with the cases in tests/adapters, which all
// languages run.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import axios from 'axios';
import { Client, withToken } from 'countersign';
import { withToken as withTokenForAxios } from 'countersign/axios';
import { interceptor } from 'countersign/undici';
import { Agent, interceptors, request } from 'undici';

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
  await client.close();
  await sandbox.stop();
  for (const server of Object.values(servers)) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(async () => {
  await sandbox.reset();
  await load();
  responses = [];
  arrived = [];
});

/** Builds the client, of a vendor that profiles/ describes if it is named. */
async function load(provider) {
  await client?.close();
  const settings = provider ? { store: 'memory', provider, environment: null } : { store: 'memory' };
  const name = provider ? 'salesforce-cc' : 'docusign-jwt';
  client = await Client.load(name, { path: sandbox.connections, settings });
}

/** Returns the headers of the client's token, as a server gets them. */
async function tokenHeaders() {
  const { headers } = await client.token();
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The adapters: each sends a call and returns the status of the response. */
const adapters = {
  fetch: async ({ url, method, headers, body, stream }) => {
    const init = { method, headers, body: stream ? Readable.toWeb(stream) : body };
    if (stream) init.duplex = 'half';
    return (await withToken(client)(url, init)).status;
  },
  undici: async (call) => {
    const origins = [servers.api.url, `http://localhost:${servers.api.port}`, new URL(call.url).origin];
    return undici(call, interceptor(client, { origins }));
  },
  'undici, following redirects': async (call) => {
    const origins = [servers.api.url];
    return undici(call, interceptor(client, { origins }), interceptors.redirect({ maxRedirections: 5 }));
  },
  axios: async ({ url, method, headers, body, stream }) => {
    const api = withTokenForAxios(client, axios.create({ validateStatus: null }));
    return (await api.request({ url, method, headers, data: stream ?? body })).status;
  },
};

async function undici({ url, method = 'GET', headers, body, stream }, ...compose) {
  const dispatcher = new Agent().compose(...compose);
  const response = await request(url, { method, headers, body: stream ?? body, dispatcher });
  await response.body.dump();
  await dispatcher.close();
  return response.statusCode;
}

for (const adapter of Object.keys(adapters)) {
  for (const { name, provider, calls, responses: scripted, not_followed, ...followed } of shared.cases) {
    const follows = adapter !== 'undici' && (!provider || adapter === 'undici, following redirects');
    const { sent, status } = (!follows && not_followed) || followed;
    test(`${adapter}: ${name}`, async () => {
      if (provider) await load(provider);
      const first = await tokenHeaders();
      responses = [...scripted];
      const statuses = [];
      for (const call of calls) statuses.push(await send(adapter, call));
      const second = await tokenHeaders();
      const named = (headers) => {
        const carried = Object.fromEntries(Object.entries(headers).filter(([name]) => name in first));
        if (Object.keys(carried).length === 0) return 'none';
        if (isDeepStrictEqual(carried, first)) return 'first';
        return isDeepStrictEqual(carried, second) ? 'second' : carried;
      };
      assert.deepEqual(
        arrived.map(({ headers, ...rest }) => ({ ...rest, token: named(headers) })),
        sent.map(({ to, path, token, body = '' }) => ({ to, path, body, token })),
      );
      assert.deepEqual(statuses, status);
    });
  }
}

for (const adapter of ['fetch', 'undici', 'axios']) {
  for (const url of shared.clear_text.rejected) {
    test(`${adapter}: no token is sent in clear text to ${url}`, async () => {
      const rejection = { name: 'UsageError', kind: 'usage', message: /is not sent to/ };
      await assert.rejects(send(adapter, { url }), rejection);
      assert.equal(client.counts().minted, 0);
    });
  }

  for (const url of shared.clear_text.sent) {
    test(`${adapter}: a loopback address gets the token: ${url}`, async () => {
      assert.equal(await send(adapter, { url }), 200);
      assert.deepEqual(
        arrived.map(({ headers }) => headers.authorization),
        [(await client.token()).authorization],
      );
    });
  }
}

for (const url of shared.clear_text.rejected) {
  test(`fetch: no token is sent in clear text to ${url} as a URL or a Request`, async () => {
    for (const input of [new URL(url), ...(url.includes('@') ? [] : [new Request(url)])]) {
      await assert.rejects(withToken(client, () => assert.fail('sent'))(input), { name: 'UsageError' });
    }
  });
}

test('undici: another origin gets no token', async () => {
  const dispatcher = new Agent().compose(interceptor(client, { origins: [servers.api.url] }));
  await (await request(`${servers.other.url}/a`, { dispatcher })).body.dump();
  await dispatcher.close();
  assert.deepEqual(
    arrived.map(({ headers }) => headers.authorization),
    [undefined],
  );
  assert.equal(client.counts().minted, 0);
});

for (const adapter of Object.keys(adapters)) {
  test(`${adapter}: an error of the token goes to the caller`, async () => {
    await client.close();
    await assert.rejects(send(adapter, { url: '{api}/a' }), { code: 'CLOSED' });
    assert.deepEqual(arrived, []);
  });
}

function send(adapter, { url, body, stream, authorization }) {
  const headers = authorization ? { authorization } : {};
  const method = body === undefined ? 'GET' : 'POST';
  const sent = stream ? { stream: Readable.from([Buffer.from(body)]) } : { body };
  return adapters[adapter]({ url: filled(url), method, headers, ...sent });
}

function filled(text) {
  return text.replace(/\{(api|other|port)\}/g, (_, word) =>
    word === 'port' ? servers.api.port : servers[word].url,
  );
}

/** One of the servers. */
function start(name) {
  return listen(({ url, headers, body }) => {
    arrived.push({ to: name, path: url, body, headers });
    const next = responses.findIndex(({ at }) => at === name);
    const [{ status, location }] = next < 0 ? [{ status: 200 }] : responses.splice(next, 1);
    return { status, location: location && filled(location) };
  });
}
