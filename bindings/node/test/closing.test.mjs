// Closing a client and the exit of the process wait for a request that was sent.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Client } from 'countersign';

import { listen } from './server.mjs';

/** How long to watch for a close that doesn't wait. */
const PREMATURE_MS = 300;

let folder, server, settings, requests, arrived, release;

// A token endpoint that rotates the refresh token and holds its response until it is released.
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-closing-'));
  requests = 0;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  const json = {
    access_token: 'rotated',
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: 'next',
  };
  arrived = new Promise((resolve) => {
    const respond = async () => {
      requests += 1;
      resolve();
      await released;
      return { status: 200, json };
    };
    server = listen(respond, '127.0.0.1');
  });
  server = await server;
  settings = {
    provider: 'boldsign',
    environment: 'us',
    grant: 'refresh-token',
    base_url: server.url,
    client_id: 'my-app',
    client_secret: 's3cret',
    redirect_uri: 'http://127.0.0.1/callback',
    // A unique refresh token: the library remembers spent ones independently of the store.
    refresh_token: `first of ${folder}`,
    store: `file:${folder}/tokens`,
  };
});

afterEach(() => {
  release();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Returns what a new client finds in the store. */
async function assertStored() {
  const client = await Client.create(settings, { name: 'held' });
  assert.equal((await client.token()).accessToken, 'rotated');
  assert.equal(requests, 1);
  await client.close();
}

/** Returns whether a promise is still pending after a while. */
const isPending = (promise) => Promise.race([promise.then(() => false), pause(PREMATURE_MS, true)]);

/** Puts a file in the place of the fallback store's folder. */
function blockFallbackStore(t) {
  const { XDG_STATE_HOME } = process.env;
  t.after(() => {
    if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = XDG_STATE_HOME;
  });
  const state = join(folder, 'state', 'countersign');
  mkdirSync(state, { recursive: true, mode: 0o700 });
  writeFileSync(join(state, 'fallback'), '');
  process.env.XDG_STATE_HOME = join(folder, 'state');
}

/** Returns a client whose new token could not be stored, and a function that restores the store. */
async function withUnstoredToken() {
  const client = await Client.create(settings, { name: 'held' });
  const asked = client.token();
  await arrived;
  const [tokens, away] = [join(folder, 'tokens'), join(folder, 'away')];
  renameSync(tokens, away);
  writeFileSync(tokens, '');
  release();
  await assert.rejects(asked, { code: 'STORE' });
  const restore = () => {
    rmSync(tokens);
    renameSync(away, tokens);
  };
  return { client, restore };
}

test('close waits for a refresh that was sent', async () => {
  const client = await Client.create(settings, { name: 'held' });
  const asked = client.token();
  await arrived;
  const closed = client.close();
  assert.ok(await isPending(closed), 'the client was closed before the response arrived');
  release();
  await closed;
  assert.equal((await asked).accessToken, 'rotated');
  await assertStored();
});

test('close retries storing a token after a failure', async (t) => {
  blockFallbackStore(t);
  const { client, restore } = await withUnstoredToken();
  restore();
  await client.close();
  await assertStored();
});

test('close rejects if a new token is not stored', async (t) => {
  blockFallbackStore(t);
  const { client } = await withUnstoredToken();
  await assert.rejects(client.close(), { name: 'FixConfigurationError', code: 'STORE' });
  await assert.rejects(client.token(), { code: 'CLOSED' });
  await client.close();
});

test('disposing without waiting warns if a new token is not stored', async (t) => {
  blockFallbackStore(t);
  const { client } = await withUnstoredToken();
  const warned = once(process, 'warning');
  client[Symbol.dispose]();
  assert.equal((await warned)[0].code, 'STORE');
});

test('process.exit waits for a refresh that was sent', async () => {
  const program = join(import.meta.dirname, 'programs', 'leaves.mjs');
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit');
  await arrived;
  child.stdin.end();
  assert.ok(await isPending(ended), 'the process ended before the response arrived');
  release();
  assert.deepEqual(await ended, [0, null]);
  await assertStored();
});
