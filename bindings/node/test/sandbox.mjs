// The sandbox of a test run.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Agent, fetch } from 'undici';

export class Sandbox {
  /** Starts `$COUNTERSIGN_SANDBOX --tls`, and waits until it is ready. */
  static async start() {
    const command = process.env.COUNTERSIGN_SANDBOX;
    if (!command)
      throw new Error('COUNTERSIGN_SANDBOX is not set: set it to the path of `countersign-sandbox`');
    const folder = mkdtempSync(join(tmpdir(), 'countersign-node-'));
    const child = spawn(command, ['--tls', '--dir', folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface(child.stdout);
    const line = await new Promise((resolve, reject) => {
      lines.once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the sandbox ended with ${code}`)));
    });
    // The connections of this folder can use its profiles.
    cpSync(join(process.env.COUNTERSIGN_SCENARIOS, 'profiles'), join(folder, 'profiles'), {
      recursive: true,
    });
    return new Sandbox(child, ended, folder, JSON.parse(line));
  }

  constructor(child, ended, folder, ready) {
    this.child = child;
    this.ended = ended;
    this.folder = folder;
    this.url = ready.url;
    this.dir = ready.dir;
    this.connections = ready.connections;
    this.caFile = ready.ca_file;
    this.agent = new Agent({ connect: { ca: readFileSync(ready.ca_file) } });
    /** Returns a `fetch` that trusts the sandbox. */
    this.fetch = (input, init) => fetch(input, { dispatcher: this.agent, ...init });
  }

  async stop() {
    await this.agent.close();
    this.child.kill('SIGTERM');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async post(path, body) {
    const init = { method: 'POST', redirect: 'manual' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'content-type': 'application/json' };
    }
    const response = await this.fetch(this.url + path, init);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`POST ${path} failed with ${response.status}: ${text}`);
  }

  async reset() {
    await this.post('/_sandbox/reset');
    rmSync(join(this.dir, 'kept'), { recursive: true, force: true });
  }

  /** Returns the token requests so far. */
  async log() {
    const response = await this.fetch(`${this.url}/_sandbox/log`);
    return response.json();
  }

  /** Returns the URL that a login's page redirects to. */
  async decide(url, allowOrDeny) {
    const response = await this.fetch(`${url}&_sandbox=${allowOrDeny}`, { redirect: 'manual' });
    await response.arrayBuffer();
    const location = response.headers.get('location');
    if (!location) throw new Error(`the login page responded with ${response.status} and no Location`);
    return location;
  }

  /** Returns the settings of a connection in the sandbox's file. */
  settings(name) {
    const lines = readFileSync(this.connections, 'utf8').split('\n');
    const start = lines.indexOf(`[connections.${name}]`);
    if (start < 0) throw new Error(`${this.connections} has no [connections.${name}]`);
    const found = {};
    for (const line of lines.slice(start + 1)) {
      if (line.trim() === '') break;
      const parts = /^"?([^" =]+)"? = (.*)$/.exec(line);
      if (!parts) throw new Error(`cannot parse the line: ${line}`);
      const [, key, value] = parts;
      found[key] = JSON.parse(value);
    }
    return found;
  }
}

/** Calls `look` every 10 ms until it returns something, for at most `seconds`. */
export async function until(look, seconds, what) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
