// A connection's client: hands out its token and keeps it valid.

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

/** How a call for a token is made. */
export interface TokenOptions {
  /** How long the token must still be valid, in seconds; without it the setting `min_valid_s`. */
  minValid?: number;
  /** Aborting returns at once; the request goes on in the library, and a later call gets what it brings. */
  signal?: AbortSignal;
}

/** How a connection is forgotten. */
export interface ForgetOptions {
  /** Forgets the token here even if the vendor did not revoke it. */
  force?: boolean;
}

/** What became of a token at the vendor when its connection was forgotten. */
export interface Forgotten {
  revocation: Revocation;
  /** Why, with `failed`. */
  reason: CountersignError | null;
}

/** An event in the life of a connection's grant: who refreshed when, and how it ended. */
export type Event = Record<string, unknown>;

/** How {@link Client.login} is run. */
export interface LoginOptions {
  /** Opens the URL for the person, or shows it. */
  open: Open;
  /** The port to listen on; without it the one in `redirect_uri`, or any. */
  port?: number;
  /** How long to wait for the person, in seconds; 300 where nothing is said. */
  timeout?: number;
  /** Aborting returns at once; the library goes on waiting until the timeout. */
  signal?: AbortSignal;
}

/**
 * A connection's client. Calls that can wait run on a thread of libuv's pool, never on the event loop, and reject with
 * a {@link CountersignError}, whose class is the verdict.
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
  /** Calls for a token that are under way, by `minValid`: who asks meanwhile gets the same answer. */
  readonly #asked = new Map<number, Promise<Token>>();
  /** The token that was handed out last, for as long as the library says that it is the one in memory. */
  #last: Token | undefined;
  /** Until what is under way has taken the token in memory away. */
  #leaving: Promise<void> | undefined;

  private constructor(made: Made) {
    this.#handle = new Handle(this, made.pointer, 'client', c.free, made.callbacks, settle);
  }

  /** Makes a client from settings. Nothing is sent yet. */
  static async create(settings: Settings, options: ClientOptions = {}): Promise<Client> {
    return new Client(await makeClient({ settings }, options));
  }

  /** Makes a client from `[connections.NAME]` of a TOML file. Nothing is sent yet. */
  static async load(name: string, options: LoadOptions = {}): Promise<Client> {
    const file = { name, path: options.path ?? '' };
    return new Client(await makeClient({ file, settings: options.settings ?? {} }, options));
  }

  /** A token that is valid for at least `minValid`: from memory, from the store, or by one request for all callers. */
  async token(options: TokenOptions = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    const minValidMs = milliseconds('minValid', options.minValid ?? 0);
    // Else a closed client would still answer those who join a call that is under way.
    const pointer = this.#handle.open();
    const fresh = this.#leaving ? undefined : peekToken(pointer, minValidMs, this.#last);
    if (fresh) {
      this.#last = fresh;
      return fresh;
    }
    return abortable(this.#ask(minValidMs), options.signal);
  }

  /** As {@link token}, but the bare access token: without a thread where it is in memory. */
  async accessToken(options: TokenOptions = {}): Promise<string> {
    if (!options.minValid) {
      options.signal?.throwIfAborted();
      const fresh = this.peek();
      if (fresh !== undefined) return fresh;
    }
    return (await this.token(options)).accessToken;
  }

  /** The bare access token where a fresh one is in memory, at once; else undefined. Never waits. */
  peek(): string | undefined {
    return peek(this.#handle.open());
  }

  /** A token asked for now. Where that fails and the old token is still valid, that one is given. */
  async refresh(options: Pick<TokenOptions, 'signal'> = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    return abortable(
      this.#changed(() => this.#tokenBy(c.refresh)),
      options.signal,
    );
  }

  /** Tells the client that an API refused this access token (401): it is not handed out again. */
  async invalidate(accessToken: string | Token): Promise<void> {
    const text = typeof accessToken === 'string' ? accessToken : accessToken.accessToken;
    await this.#takenAway(() => this.#call(c.invalidate, ...textArgs(text)));
  }

  /** Where a person consents to the app acting for its user, ahead of a jwt-bearer grant. */
  async consentUrl(): Promise<string> {
    return this.#text(c.consentUrl);
  }

  /** Whom the token stands for and where its API is: what came with the token and the vendor's userinfo. */
  async identity(options: Pick<TokenOptions, 'signal'> = {}): Promise<Record<string, string>> {
    options.signal?.throwIfAborted();
    return JSON.parse(await abortable(this.#text(c.identity), options.signal));
  }

  /** Begins a login, for a program with a web server of its own: send the browser to its `url`. */
  async startLogin(redirectUri = ''): Promise<Login> {
    const out: Out = [null];
    await this.#call(c.startLogin, ...textArgs(redirectUri), out);
    return new Login(out[0]);
  }

  /** Ends a login with the URL that the browser came back to, or its query alone. */
  async completeLogin(login: Login, callback: string | URL): Promise<Token> {
    const end = (pointer: Pointer) => this.#tokenBy(c.completeLogin, pointer, ...textArgs(String(callback)));
    return this.#changed(() => login.use(end));
  }

  /** A whole login on this machine (RFC 8252): listens on a loopback port and waits for the browser to come back. */
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
   * Revokes the token at the vendor and forgets it here, in memory and in the store.
   *
   * If the vendor cannot be reached or refuses (`failed`), the token is kept, because a grant that nobody can revoke any
   * more would live on. It is not handed out, and the next call tries the revocation again. A login replaces it. With
   * `force`, the token is forgotten here even then.
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

  /** How often something happened since the client was made. */
  counts(): Counts {
    const pointer = this.#handle.open();
    return countsOf((counter) => {
      const out: [number | bigint] = [0];
      callNow(c.count, pointer, counter, out);
      return Number(out[0]);
    });
  }

  /** The last events in the life of the connection's grant, oldest first, without a token in them. */
  async events(): Promise<Event[]> {
    return JSON.parse(await this.#text(c.events));
  }

  /**
   * When the stored refresh token expires, in seconds since 1970: a person must log in again before then, unless a
   * refresh brings another one. `null` if the vendor did not say, or if no refresh token is stored.
   */
  async refreshTokenExpiresAt(): Promise<number | null> {
    const seconds: [number | bigint] = [-1];
    await this.#call(c.refreshTokenExpiresAt, seconds);
    return seconds[0] < 0 ? null : Number(seconds[0]);
  }

  /** Resolves where all that was got is stored; rejects with the reason why the last token is in memory only. */
  async checkSaved(): Promise<void> {
    await this.#call(c.checkSaved);
  }

  /**
   * Waits for the requests that are under way, for at most `timeout` seconds, and starts no new one from now on: for a
   * process that is about to end. Tokens in memory are handed out as before; anything else rejects with a
   * {@link RetryError} of the code `BUSY`. Rejects with that if a request is still under way, and with the store's error
   * if a new token is in memory only.
   */
  async drain(timeout = DRAIN_S): Promise<void> {
    await this.#call(c.drain, milliseconds('timeout', timeout));
  }

  /** Closes the client: calls that are under way end as they would have, later ones reject. */
  close(): void {
    if (this.#handle.closed) return;
    c.close(this.#handle.open());
    this.#handle.close();
    this.#last = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the client, and resolves when the calls that are under way have ended and it is freed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#handle.freed;
  }

  /** Asks the library, or joins a call for the same that is under way: one thread is enough for all. */
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

  /** Runs what changes the token: who asks from now on must not get the answer to an earlier question. */
  async #changed<T>(body: () => Promise<T>): Promise<T> {
    this.#asked.clear();
    this.#last = undefined;
    try {
      return await body();
    } finally {
      this.#asked.clear();
    }
  }

  /** Runs what takes the token away: who asks meanwhile must not get the one that is still in memory. */
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

/** One buffer for all clients: peeking ends before anything else can happen. */
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

/** Where the library writes handles: for all clients, as the buffer is. */
const found = new BigUint64Array(1);
const refusal = new BigUint64Array(1);

/** The token in memory, where it is valid for so long; `last`, if it is still that one. Never waits. */
function peekToken(pointer: Pointer, minValidMs: number, last: Token | undefined): Token | undefined {
  const status: number = c.peek(pointer, minValidMs, found, refusal);
  if (status !== 0) throw takeError(status, refusal[0] || null);
  return found[0] ? takeToken(found[0], last) : undefined;
}

/** The promise, or the signal's reason as soon as it is aborted. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Waits for a request that nobody waits for any more, so that what it brings is stored. */
async function settle(pointer: Pointer): Promise<void> {
  try {
    await call(c.drain, pointer, milliseconds('timeout', DRAIN_S));
  } catch (error) {
    const busy = error instanceof CountersignError && error.status === Status.busy;
    if (!busy) process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/** How many seconds closing waits for requests under way: the default of `timeout_ms` and a bit. */
const DRAIN_S = 35;

function milliseconds(name: string, seconds: number): number {
  if (seconds >= 0 && seconds <= 1e9) return Math.round(seconds * 1000);
  throw usageError(`\`${name}\` is ${seconds}`, 'write a number of seconds from 0 on');
}
