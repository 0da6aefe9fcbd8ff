// For the tests of programs that use a client: a source without a vendor, a clock, and the sandbox.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { addon } from './addon.js';
import { Client, type Clock, type LoadOptions } from './client.js';
import type { NativeClock } from './native.js';
import { Token, type TokenSource } from './token.js';

/** Options of {@link staticSource}. */
export interface StaticSourceOptions {
  /** When the tokens expire. Defaults to null, as if the vendor didn't say. */
  expiresAt?: Date;
  /** The vendor's additional members. */
  extra?: Record<string, string>;
}

/** A source of fixed tokens. */
export interface StaticSource extends TokenSource {
  /** The access tokens that were reported with `invalidate`. */
  readonly invalidated: readonly string[];
}

/**
 * Returns a source of fixed tokens, for unit tests. After `invalidate`, it returns the next one;
 * the last one is never replaced.
 *
 * @example
 * ```js
 * const api = withToken(staticSource('t0ken'), fakeFetch);
 * ```
 */
export function staticSource(
  accessToken: string | readonly [string, ...string[]],
  { expiresAt, extra = {} }: StaticSourceOptions = {},
): StaticSource {
  const tokens = (typeof accessToken === 'string' ? [accessToken] : accessToken).map(
    (text) =>
      new Token({
        accessToken: text,
        authorization: `Bearer ${text}`,
        tokenType: 'Bearer',
        expiresAtMs: expiresAt?.getTime(),
        source: 'cache',
        extra: { ...extra },
      }),
  );
  const invalidated: string[] = [];
  return {
    invalidated,
    async token(options = {}) {
      options.signal?.throwIfAborted();
      return tokens[0] as Token;
    },
    async invalidate(token) {
      invalidated.push(token.accessToken);
      if (token === tokens[0] && tokens.length > 1) tokens.shift();
    },
  };
}

/** A clock that shows the system's time until it is advanced. Pass it as a client's `clock`. */
export class TestClock implements Clock {
  /** @internal */
  readonly native: NativeClock = new addon.NativeClock();

  /** Advances the clock. */
  advance(ms: number): void {
    this.native.advance(ms);
  }

  /** The clock's time. */
  get now(): Date {
    return new Date(this.native.now());
  }
}

/** Options of {@link Sandbox.start}. */
export interface SandboxOptions {
  /** The program. Defaults to $COUNTERSIGN_SANDBOX, or `countersign-sandbox` in the PATH. */
  command?: string;
}

/** A strict local emulator of the vendors' servers, for tests of logins, errors and refreshes. */
export class Sandbox {
  /** The emulator's base URL. */
  readonly url: string;
  /** Its folder, with keys and tokens. */
  readonly dir: string;
  /** A file with a connection for every provider and grant type, such as `docusign-jwt`. */
  readonly connections: string;
  /** The certificate of the authority that its clients must trust, as `ca_file`. */
  readonly caFile: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #folder: string;
  readonly #ca: Buffer;

  private constructor(child: ChildProcess, ended: Promise<unknown>, folder: string, ready: Ready) {
    this.#child = child;
    this.#ended = ended;
    this.#folder = folder;
    this.url = ready.url;
    this.dir = ready.dir;
    this.connections = ready.connections;
    this.caFile = ready.ca_file;
    this.#ca = readFileSync(ready.ca_file);
  }

  /** Starts the emulator, and waits until it is ready. */
  static async start(options: SandboxOptions = {}): Promise<Sandbox> {
    const command = options.command ?? (process.env.COUNTERSIGN_SANDBOX || 'countersign-sandbox');
    const folder = mkdtempSync(join(tmpdir(), 'countersign-sandbox-'));
    const child = spawn(command, ['--tls', '--dir', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once('line', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
    });
    return new Sandbox(child, ended, folder, JSON.parse(line));
  }

  /** Loads a connection of the sandbox, with its tokens in memory. */
  client(name: string, options: Omit<LoadOptions, 'path'> = {}): Promise<Client> {
    const settings = { store: 'memory', ...options.settings };
    return Client.load(name, { ...options, path: this.connections, settings });
  }

  /** Makes the next requests fail. The sandbox's README lists the faults. */
  async fault(fault: Record<string, unknown>): Promise<void> {
    await this.#send('POST', '/_sandbox/faults', fault);
  }

  /** Returns the token requests so far. */
  async requests(): Promise<Record<string, unknown>[]> {
    return JSON.parse(await this.#send('GET', '/_sandbox/log'));
  }

  /** Removes faults, requests and issued tokens. */
  async reset(): Promise<void> {
    await this.#send('POST', '/_sandbox/reset');
  }

  /** Stops the emulator and removes its folder. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #send(method: string, path: string, body?: object): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = body && { 'content-type': 'application/json' };
      const sent = request(this.url + path, { method, ca: this.#ca, headers }, async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${method} ${path} failed with ${response.statusCode}: ${text}`));
      });
      sent.once('error', reject);
      sent.end(body && JSON.stringify(body));
    });
  }
}

/** What the emulator prints when it is ready. */
interface Ready {
  url: string;
  dir: string;
  connections: string;
  ca_file: string;
}
