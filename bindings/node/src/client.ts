// The client of a connection: it returns the access token and keeps it valid.

import { call, callNow, takeText, textArgs } from './call.js';
import { Callback, type Open, open } from './callbacks.js';
import { type ClientOptions, type LoadOptions, type Made, makeClient } from './config.js';
import { CountersignError, takeError, usageError } from './error.js';
import { client as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';
import { Login } from './login.js';
import { type Counts, countsOf, REVOCATIONS, type Revocation, Status } from './numbers.js';
import type { Settings } from './settings.js';
import { type Token, takeToken } from './token.js';

/** Options of a call for a token. */
export interface TokenOptions {
  /** How long the token must still be valid, in seconds. Defaults to the setting `min_valid_s`. */
  minValid?: number;
  /**
   * If aborted, the call rejects at once. The request continues in the library, and a later call
   * gets its result.
   */
  signal?: AbortSignal;
}

/** Options of {@link Client.forget}. */
export interface ForgetOptions {
  /** Deletes the tokens even if the vendor did not revoke the grant. */
  force?: boolean;
}

/** The result of {@link Client.forget}. */
export interface Forgotten {
  revocation: Revocation;
  /** Why the vendor did not revoke the token, if `revocation` is `failed`. */
  reason: CountersignError | null;
}

/** An entry in a grant's history: who refreshed it, when, and the result. It contains no tokens. */
export type Event = Record<string, unknown>;

/** Options of {@link Client.login}. */
export interface LoginOptions {
  /** Opens or shows the login's URL. It must not call the client. */
  open: Open;
  /** The port of the loopback server. Defaults to the port of `redirect_uri`, or any. */
  port?: number;
  /** How long to wait for the browser's callback, in seconds. Defaults to 300. */
  timeout?: number;
  /** If aborted, the call rejects at once. The loopback server runs until the timeout. */
  signal?: AbortSignal;
}

/**
 * A client returns a connection's access token and keeps it valid. At most one token request is in
 * flight among its callers and among the processes that share the connection's store.
 *
 * Calls that can wait run on a thread of libuv's pool, not on the event loop. They reject with a
 * {@link CountersignError}, whose class is the verdict.
 *
 * @example
 * ```js
 * const client = await Client.load('docusign');
 * const response = await fetch(url, { headers: { authorization: (await client.token()).authorization } });
 * client.close();
 * ```
 */
export class Client {
  readonly #handle: Handle;
  /** Calls for a token in progress, by `minValid`. Concurrent callers share them. */
  readonly #asked = new Map<number, Promise<Token>>();
  /** The last returned token, as long as it is the cached one. */
  #last: Token | undefined;
  /** Pending while calls in progress remove the cached token. */
  #leaving: Promise<void> | undefined;

  private constructor(made: Made) {
    this.#handle = new Handle(this, made.pointer, 'client', c.free, made.callbacks, settle);
  }

  /** Builds a client from settings. Sends no request. */
  static async create(settings: Settings, options: ClientOptions = {}): Promise<Client> {
    return new Client(await makeClient({ settings }, options));
  }

  /** Builds a client for `[connections.NAME]` of a TOML file. Sends no request. */
  static async load(name: string, options: LoadOptions = {}): Promise<Client> {
    const file = { name, path: options.path ?? '' };
    return new Client(await makeClient({ file, settings: options.settings ?? {} }, options));
  }

  /**
   * Returns a token that is valid for at least `minValid` seconds: the cached token, the stored
   * one, or a new one from a request that concurrent callers share.
   */
  async token(options: TokenOptions = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    const minValidMs = milliseconds('minValid', options.minValid ?? 0);
    // Throws for a closed client, also if a call in progress could be shared.
    const pointer = this.#handle.open();
    const fresh = this.#leaving ? undefined : peekToken(pointer, minValidMs, this.#last);
    if (fresh) {
      this.#last = fresh;
      return fresh;
    }
    return abortable(this.#ask(minValidMs), options.signal);
  }

  /** Returns the access token string, like {@link token}. A cached token needs no thread. */
  async accessToken(options: TokenOptions = {}): Promise<string> {
    if (!options.minValid) {
      options.signal?.throwIfAborted();
      const fresh = this.peek();
      if (fresh !== undefined) return fresh;
    }
    return (await this.token(options)).accessToken;
  }

  /** Returns the cached access token string if it is fresh, or undefined. Never waits. */
  peek(): string | undefined {
    return peek(this.#handle.open());
  }

  /**
   * Requests a new token now, even if the current one is still valid. If that fails and the current
   * token is still valid, returns the current one.
   */
  async refresh(options: Pick<TokenOptions, 'signal'> = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    return abortable(
      this.#changed(() => this.#tokenBy(c.refresh)),
      options.signal,
    );
  }

  /**
   * Reports an access token that an API rejected with 401. The client doesn't return it again. If
   * the token has been replaced in the meantime, the newer one stays valid.
   */
  async invalidate(accessToken: string | Token): Promise<void> {
    const text = typeof accessToken === 'string' ? accessToken : accessToken.accessToken;
    await this.#takenAway(() => this.#call(c.invalidate, ...textArgs(text)));
  }

  /**
   * Returns the URL at which a person consents to the app acting for the user. A jwt-bearer grant
   * needs this consent.
   */
  async consentUrl(): Promise<string> {
    return this.#text(c.consentUrl);
  }

  /**
   * Returns the user that the token is for and the API's URL: the members of the token response,
   * and the vendor's userinfo, which is requested once and stored.
   */
  async identity(options: Pick<TokenOptions, 'signal'> = {}): Promise<Record<string, string>> {
    options.signal?.throwIfAborted();
    return JSON.parse(await abortable(this.#text(c.identity), options.signal));
  }

  /**
   * Starts a login, for programs with their own web server. Redirect the browser to its `url`, and
   * pass the URL of the callback to {@link completeLogin}. `redirectUri` defaults to the setting
   * `redirect_uri`.
   */
  async startLogin(redirectUri = ''): Promise<Login> {
    const out: Out = [null];
    await this.#call(c.startLogin, ...textArgs(redirectUri), out);
    return new Login(out[0]);
  }

  /**
   * Completes a login: validates the callback (the URL that the browser was redirected to, or just
   * its query), exchanges the code once, and stores the tokens.
   */
  async completeLogin(login: Login, callback: string | URL): Promise<Token> {
    const end = (pointer: Pointer) => this.#tokenBy(c.completeLogin, pointer, ...textArgs(String(callback)));
    return this.#changed(() => login.use(end));
  }

  /**
   * Runs a complete login on this machine (RFC 8252): starts a loopback server, calls `open` with
   * the login's URL, and waits for the browser's callback.
   */
  async login(options: LoginOptions): Promise<Token> {
    options.signal?.throwIfAborted();
    const timeoutMs = milliseconds('timeout', options.timeout ?? 300);
    const shown = new Callback(options.open);
    const login = this.#changed(() =>
      this.#tokenBy(c.login, options.port ?? 0, timeoutMs, open, shown.id),
    ).finally(() => shown.forget());
    return abortable(login, options.signal);
  }

  /**
   * Revokes the grant at the vendor and deletes its tokens from memory and the store.
   *
   * If the vendor can't be reached or rejects the revocation (`failed`), the tokens stay stored,
   * because otherwise nobody could revoke the grant any more. The client doesn't return them, and
   * the next call retries the revocation. A login replaces them. With `force`, the tokens are
   * deleted even if the vendor did not revoke the grant.
   */
  async forget(options: ForgetOptions = {}): Promise<Forgotten> {
    const [revocation, reason]: [[number], Out] = [[0], [null]];
    const forget = options.force ? c.forceForget : c.forget;
    await this.#takenAway(() => this.#call(forget, revocation, reason));
    return {
      revocation: REVOCATIONS[revocation[0]] ?? 'failed',
      reason: reason[0] === null ? null : takeError(0, reason[0]),
    };
  }

  /** Returns the client's counters. */
  counts(): Counts {
    const pointer = this.#handle.open();
    return countsOf((counter) => {
      const out: [number | bigint] = [0];
      callNow(c.count, pointer, counter, out);
      return Number(out[0]);
    });
  }

  /**
   * Returns the recent history of the connection's grant, oldest first: who refreshed it, when, and
   * the result.
   */
  async events(): Promise<Event[]> {
    return JSON.parse(await this.#text(c.events));
  }

  /**
   * Returns when the stored refresh token expires, in seconds since 1970. A person must log in
   * again before then, unless a refresh returns a new one. `null` if the vendor didn't say, or if
   * no refresh token is stored.
   */
  async refreshTokenExpiresAt(): Promise<number | null> {
    const seconds: [number | bigint] = [-1];
    await this.#call(c.refreshTokenExpiresAt, seconds);
    return seconds[0] < 0 ? null : Number(seconds[0]);
  }

  /**
   * Rejects with the store's error if the last token could not be stored and is only in memory. The
   * token isn't lost while the process runs, and each call for a token tries to store it again.
   */
  async checkSaved(): Promise<void> {
    await this.#call(c.checkSaved);
  }

  /**
   * Waits for requests in flight, for at most `timeout` seconds, and starts no new ones. Call it
   * before the process exits. Afterwards, the client still returns a cached token; anything else
   * rejects with a {@link RetryError} whose code is `BUSY`. Rejects with that error if a request is
   * still in flight after the timeout, and with the store's error if a new token could not be
   * stored.
   */
  async drain(timeout = DRAIN_S): Promise<void> {
    await this.#call(c.drain, milliseconds('timeout', timeout));
  }

  /** Closes the client. Calls in progress end normally, later calls reject. */
  close(): void {
    if (this.#handle.closed) return;
    c.close(this.#handle.open());
    this.#handle.close();
    this.#last = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the client, and resolves when calls in progress have ended and the client is freed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#handle.freed;
  }

  /** Calls the library, or shares the same call in progress, so that only one thread waits. */
  #ask(minValidMs: number): Promise<Token> {
    const asked = this.#asked.get(minValidMs);
    if (asked) return asked;
    const ask = () => this.#tokenBy(c.token, minValidMs);
    const asking = (this.#leaving ? this.#leaving.then(ask) : ask()).finally(() => {
      if (this.#asked.get(minValidMs) === asking) this.#asked.delete(minValidMs);
    });
    this.#asked.set(minValidMs, asking);
    return asking;
  }

  /** Runs a call that changes the token. Later callers must not share an earlier call. */
  async #changed<T>(body: () => Promise<T>): Promise<T> {
    this.#asked.clear();
    this.#last = undefined;
    try {
      return await body();
    } finally {
      this.#asked.clear();
    }
  }

  /**
   * Runs a call that removes the token. Concurrent callers must not get the token that is still
   * cached.
   */
  async #takenAway(body: () => Promise<void>): Promise<void> {
    const call = this.#changed(body);
    const leaving = Promise.allSettled([this.#leaving, call]).then(() => {
      if (this.#leaving === leaving) this.#leaving = undefined;
    });
    this.#leaving = leaving;
    await call;
  }

  async #tokenBy(fn: typeof c.token, ...args: Parameters<typeof call>[1][]): Promise<Token> {
    const out: Out = [null];
    await this.#call(fn, ...args, out);
    const token = takeToken(out[0]);
    this.#last = token;
    return token;
  }

  async #text(fn: typeof c.events): Promise<string> {
    const out: Out = [null];
    await this.#call(fn, out);
    return takeText(out[0]);
  }

  async #call(fn: typeof c.token, ...args: Parameters<typeof call>[1][]): Promise<void> {
    await this.#handle.use((pointer) => call(fn, pointer, ...args));
  }
}

/** One buffer for all clients, because peeking is synchronous. */
let buffer = Buffer.alloc(4096);
const length = new Uint32Array(2);

function peek(pointer: Pointer): string | undefined {
  const status: number = c.peekToken(pointer, buffer, buffer.length, length, null);
  const bytes = length[0] ?? 0;
  if (status === 0) return bytes === 0 ? undefined : buffer.toString('utf8', 0, bytes);
  if (status === Status.bufferTooSmall) {
    buffer.fill(0);
    buffer = Buffer.alloc(2 * bytes);
    return peek(pointer);
  }
  const error: Out = [null];
  throw takeError(c.peekToken(pointer, buffer, buffer.length, length, error), error[0]);
}

/** The library's outputs, for all clients, like the buffer. */
const found = new BigUint64Array(1);
const failure = new BigUint64Array(1);

/**
 * Returns the cached token if it is valid for long enough, or `last` if that is still the cached
 * one. Never waits.
 */
function peekToken(pointer: Pointer, minValidMs: number, last: Token | undefined): Token | undefined {
  const status: number = c.peek(pointer, minValidMs, found, failure);
  if (status !== 0) throw takeError(status, failure[0] || null);
  return found[0] ? takeToken(found[0], last) : undefined;
}

/** Returns the promise, which rejects as soon as the signal is aborted. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Waits for a request that has no caller any more, so that its result is stored. */
async function settle(pointer: Pointer): Promise<void> {
  try {
    await call(c.drain, pointer, milliseconds('timeout', DRAIN_S));
  } catch (error) {
    const busy = error instanceof CountersignError && error.status === Status.busy;
    if (!busy) process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/**
 * How many seconds closing waits for requests in flight: a little more than the default of
 * `timeout_ms`.
 */
const DRAIN_S = 35;

function milliseconds(name: string, seconds: number): number {
  if (seconds >= 0 && seconds <= 1e9) return Math.round(seconds * 1000);
  throw usageError(`\`${name}\` is ${seconds}`, 'pass a number of seconds that is 0 or more');
}
