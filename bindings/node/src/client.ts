// The client of a connection: it returns the access token and keeps it valid.

import { addon } from './addon.js';
import { type ChangeListener, checkLevel, hold, type Log, type Open, type Signer } from './callbacks.js';
import { debugLog, observe } from './diagnostics.js';
import { type CountersignError, toError, usageError, wrongType } from './error.js';
import { type Failure, Handle, warn } from './handle.js';
import {
  type Call,
  type CallOptions,
  DRAIN_MS,
  host,
  milliseconds,
  run,
  startPolled,
  waited,
} from './host.js';
import { Login } from './login.js';
import type {
  ClientFields,
  NativeClient,
  NativeClock,
  Outcome,
  SettingFields,
  TokenFields,
} from './native.js';
import type { Registry } from './registry.js';
import type { Settings } from './settings.js';
import { Token, type TokenOptions, type TokenSource } from './token.js';
import type { Counts, EventKind, LogLevel, Revocation } from './words.js';

/** A clock for tests: `TestClock` of `countersign/testing`. */
export interface Clock {
  /** The clock's time. */
  readonly now: Date;
  /** @internal */
  readonly native: NativeClock;
}

/** Options of {@link Client.create}. */
export interface ClientOptions extends CallOptions {
  /**
   * The connection's name. It appears in messages and identifies the connection's tokens in a
   * store. It is required if the store outlives the process.
   */
  name?: string;
  /** The registry of providers. Defaults to the built-in providers. */
  registry?: Registry;
  /**
   * Signs assertions instead of the setting `private_key`. If the file has that setting, set it to
   * null.
   */
  signer?: Signer;
  /** Replaces the system's clocks, for tests. */
  clock?: Clock;
  /** Receives the library's log. By default, it is written if `NODE_DEBUG` has `countersign`. */
  log?: Log;
  /** The most verbose level that is logged. Defaults to `info`. */
  logLevel?: LogLevel;
  /**
   * Called for each change of the token, after the change is stored and before any caller gets the
   * token. It must not wait for its own client.
   */
  onChange?: ChangeListener;
}

/** Options of {@link Client.load}. */
export interface LoadOptions extends ClientOptions {
  /**
   * The TOML file. Defaults to the file that the countersign command reads: $COUNTERSIGN_CONFIG,
   * ./countersign.toml, or the one in the user's configuration folder.
   */
  path?: string;
  /**
   * Settings that override the file's. null removes one, such as `private_key` if you pass a
   * signer.
   */
  settings?: Settings;
}

/** Options of {@link Client.forget}. */
export interface ForgetOptions extends CallOptions {
  /** Deletes the tokens even if the vendor did not revoke the grant. */
  force?: boolean;
}

/** The result of {@link Client.forget}. */
export interface Forgotten {
  revocation: Revocation;
  /** Why the vendor did not revoke the token, if `revocation` is `failed`. */
  reason: CountersignError | null;
}

/**
 * The user that a token is for, and the API's URL: what the vendor sent, with its own names, such
 * as `user_id`, `account_id`, `base_uri` or `instance_url`.
 */
export type Identity = Readonly<Record<string, string | undefined>>;

/** An entry in a grant's history: who refreshed it, when, and the result. It contains no tokens. */
export interface Event {
  at: Date;
  /** The host, process and client. */
  by: string;
  /** The attempt that the event belongs to. */
  attempt: string | null;
  what: EventKind;
  /** A fingerprint of the refresh token that was spent. */
  spent: string | null;
  /** A fingerprint of the new refresh token. */
  got: string | null;
}

/** Options of {@link Client.startLogin}. */
export interface StartLoginOptions extends CallOptions {
  /** Where the browser returns to. Defaults to the setting `redirect_uri`. */
  redirectUri?: string;
}

/** Options of {@link Client.login}. */
export interface LoginOptions extends CallOptions {
  /** Opens or shows the login's URL. It must not wait for the client. */
  open: Open;
  /** The port of the loopback server. Defaults to the port of `redirect_uri`, or any. */
  port?: number;
  /**
   * How long to wait for the browser's callback, in milliseconds. Defaults to 300,000. The loopback
   * server runs until then, even if the signal is aborted.
   */
  timeoutMs?: number | undefined;
}

/** A call for a token, and how many callers wait for it. */
interface Asked extends Call<Token> {
  callers: number;
}

/**
 * A client returns a connection's access token and keeps it valid. At most one token request is in
 * flight among its callers and among the processes that share the connection's store.
 *
 * No call blocks the event loop. Calls reject with a {@link CountersignError}, whose class is the
 * verdict.
 *
 * @example
 * ```js
 * const client = await Client.load('docusign');
 * const response = await fetch(url, { headers: { authorization: (await client.token()).authorization } });
 * await client.close();
 * ```
 */
export class Client implements TokenSource {
  readonly #handle: Handle<NativeClient>;
  readonly #id: number;
  readonly #name: string;
  /** Calls for a token in progress, by `minValidMs`. Concurrent callers share them. */
  readonly #asked = new Map<number, Asked>();
  /** The last returned token, as long as it is the cached one. */
  #last: Token | undefined;
  /** Pending while calls in progress remove the cached token. */
  #leaving: Promise<void> | undefined;

  private constructor(native: NativeClient, id: number, name: string) {
    this.#handle = new Handle(this, native, 'client', freeClient);
    this.#id = id;
    this.#name = name;
  }

  /** Builds a client from settings. Sends no request. */
  static async create(settings: Settings, options: ClientOptions = {}): Promise<Client> {
    return Client.#build({ settings: settingFields(settings) }, options);
  }

  /** Builds a client for `[connections.NAME]` of a TOML file. Sends no request. */
  static async load(name: string, options: LoadOptions = {}): Promise<Client> {
    const settings = settingFields(options.settings ?? {});
    return Client.#build({ connection: name, path: options.path || undefined, settings }, options);
  }

  static async #build(from: ClientFields, options: ClientOptions): Promise<Client> {
    const { name, registry, signer, clock, onChange } = options;
    const level = checkLevel(options.logLevel ?? 'info');
    const log = options.log ?? debugLog();
    const fields: ClientFields = {
      ...from,
      name,
      signer: signer && {
        callback: hold((input: Uint8Array) => signer.sign(input)),
        algorithm: signer.algorithm,
        keyId: signer.keyId,
      },
      log: log && { callback: hold(log), level },
      onChange: onChange && hold(onChange),
    };
    const providers = nativeOf('registry', registry);
    const time = nativeOf('clock', clock);
    const id = nextClient++;
    const native = new addon.NativeClient(host, id);
    await run((call) => native.build(call, fields, providers, time), nothing, options);
    return new Client(native, id, name ?? from.connection ?? '');
  }

  /**
   * Returns a token that is valid for at least `minValidMs`: the cached token, the stored one, or a
   * new one from a request that concurrent callers share.
   */
  async token(options: TokenOptions = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    const minValidMs = milliseconds('minValidMs', options.minValidMs ?? 0);
    // Throws for a closed client, also if a call in progress could be shared.
    const native = this.#handle.open();
    const fresh = this.#leaving ? null : native.peek(minValidMs, this.#lastCached());
    if (fresh === true) return this.#last as Token;
    if (fresh) return this.#adopt(fresh as TokenFields);
    return this.#shared(minValidMs, options);
  }

  /** Returns the access token string, like {@link token}. */
  async accessToken(options: TokenOptions = {}): Promise<string> {
    if (!options.minValidMs) {
      options.signal?.throwIfAborted();
      const fresh = this.#leaving ? undefined : this.peek();
      if (fresh !== undefined) return fresh;
    }
    return (await this.token(options)).accessToken;
  }

  /** Returns the cached access token string if it is fresh, or undefined. Never waits. */
  peek(): string | undefined {
    return this.#handle.open().peekText() ?? undefined;
  }

  /**
   * Requests a new token now, even if the current one is still valid. If that fails and the current
   * token is still valid, returns the current one.
   */
  async refresh(options: CallOptions = {}): Promise<Token> {
    options.signal?.throwIfAborted();
    return this.#changed(() => {
      const { promise, abandon } = this.#start(0, true);
      return waited(promise, options, abandon);
    });
  }

  /**
   * Reports an access token that an API rejected with 401. The client doesn't return it again. If
   * the token has been replaced in the meantime, the newer one stays valid.
   */
  async invalidate(accessToken: string | Token, options: CallOptions = {}): Promise<void> {
    const text = typeof accessToken === 'string' ? accessToken : accessToken.accessToken;
    await this.#takenAway(() => this.#run((native, call) => native.invalidate(call, text), nothing, options));
  }

  /**
   * Returns the URL at which a person consents to the app acting for the user. A jwt-bearer grant
   * needs this consent.
   */
  async consentUrl(options: CallOptions = {}): Promise<string> {
    return this.#run((native, call) => native.consentUrl(call), textOf, options);
  }

  /**
   * Returns the user that the token is for and the API's URL: the members of the token response,
   * and the vendor's userinfo, which is requested once and stored.
   */
  async identity(options: CallOptions = {}): Promise<Identity> {
    return this.#run((native, call) => native.identity(call), jsonOf<Identity>, options);
  }

  /**
   * Starts a login, for programs with their own web server. Redirect the browser to its `url`, and
   * pass the URL of the callback to {@link completeLogin}.
   */
  async startLogin(options: StartLoginOptions = {}): Promise<Login> {
    const begin = (native: NativeClient, call: number) =>
      native.startLogin(call, options.redirectUri || undefined);
    return this.#run(begin, ({ login }) => new Login(login as NonNullable<typeof login>), options);
  }

  /**
   * Completes a login: validates the callback (the URL that the browser was redirected to, or just
   * its query), exchanges the code once, and stores the tokens.
   */
  async completeLogin(
    login: Login,
    callback: string | URL | { url: string },
    options: CallOptions = {},
  ): Promise<Token> {
    const url = typeof callback === 'object' && 'url' in callback ? callback.url : String(callback);
    const begin = (native: NativeClient, call: number) => native.completeLogin(call, login.save(), url);
    return this.#changed(() => this.#run(begin, (outcome) => this.#tokenOf(outcome), options));
  }

  /**
   * Runs a complete login on this machine (RFC 8252): starts a loopback server, calls `open` with
   * the login's URL, and waits for the browser's callback.
   */
  async login({ open, port, timeoutMs = 300_000, signal }: LoginOptions): Promise<Token> {
    signal?.throwIfAborted();
    const limit = milliseconds('timeoutMs', timeoutMs);
    const begin = (native: NativeClient, call: number) =>
      native.login(call, limit, hold(open), port || undefined);
    return this.#changed(() => this.#run(begin, (outcome) => this.#tokenOf(outcome), { signal }));
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
    const begin = (native: NativeClient, call: number) => native.forget(call, options.force ?? false);
    const read = ({ revocation, reason }: Outcome): Forgotten => ({
      revocation: revocation as Revocation,
      reason: reason ? toError(reason) : null,
    });
    return this.#takenAway(() => this.#run(begin, read, options));
  }

  /** Returns the client's counters. */
  counts(): Counts {
    return this.#handle.open().counts() as Counts;
  }

  /**
   * Returns the recent history of the connection's grant, oldest first: who refreshed it, when, and
   * the result.
   */
  async events(options: CallOptions = {}): Promise<Event[]> {
    type Stored = Omit<Event, 'at'> & { at_ms: number };
    const stored = await this.#run((native, call) => native.events(call), jsonOf<Stored[]>, options);
    return stored.map(({ at_ms, ...event }) => ({ at: new Date(at_ms), ...event }));
  }

  /**
   * Returns when the stored refresh token expires. A person must log in again before then, unless a
   * refresh returns a new one. `null` if the vendor didn't say, or if no refresh token is stored.
   */
  async refreshTokenExpiresAt(options: CallOptions = {}): Promise<Date | null> {
    const read = ({ number }: Outcome) => (number === undefined ? null : new Date(number * 1000));
    return this.#run((native, call) => native.refreshTokenExpiresAt(call), read, options);
  }

  /**
   * Rejects with the store's error if the last token could not be stored and is only in memory. The
   * token isn't lost while the process runs, and each call for a token tries to store it again.
   */
  async checkSaved(options: CallOptions = {}): Promise<void> {
    await this.#run((native, call) => native.checkSaved(call), nothing, options);
  }

  /**
   * Waits for requests in flight, for at most `timeoutMs`, and starts no new ones. Call it before
   * the process exits. Afterwards, the client still returns a cached token; anything else rejects
   * with a {@link RetryError} whose code is `BUSY`. Rejects with that error if a request is still in
   * flight after the timeout, and with the store's error if a new token could not be stored.
   */
  async drain({ timeoutMs = DRAIN_MS, signal }: CallOptions = {}): Promise<void> {
    const limit = milliseconds('timeoutMs', timeoutMs);
    await this.#run((native, call) => native.drain(call, limit), nothing, { signal });
  }

  /**
   * Closes the client. Later calls reject, calls in progress end normally. Resolves when the client
   * is freed: after calls in progress, and after a request that was sent, for which it waits at most
   * 35 s, so that its result is stored. Rejects with the store's error if a new token could not be
   * stored and is lost; the client is closed nevertheless.
   */
  async close(): Promise<void> {
    const first = this.#handle.close();
    this.#last = undefined;
    const failure = await this.#handle.freed;
    if (first && failure) throw failure;
  }

  /** Closes the client, like {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes the client without waiting. A token that is lost becomes a warning of the process. */
  [Symbol.dispose](): void {
    this.close().catch(warn);
  }

  /** Asks the library, or shares the same call in progress. */
  async #shared(minValidMs: number, options: TokenOptions): Promise<Token> {
    // A call after `invalidate` must not get the token that it removes.
    if (this.#leaving) await waited(this.#leaving, options, () => {});
    const asked = this.#asked.get(minValidMs) ?? this.#ask(minValidMs);
    asked.callers += 1;
    return waited(asked.promise, options, () => {
      asked.callers -= 1;
      if (asked.callers > 0) return;
      asked.abandon();
      if (this.#asked.get(minValidMs) === asked) this.#asked.delete(minValidMs);
    });
  }

  #ask(minValidMs: number): Asked {
    const { promise, abandon } = this.#start(minValidMs, false);
    const forget = () => {
      if (this.#asked.get(minValidMs) === asked) this.#asked.delete(minValidMs);
    };
    const asked: Asked = { promise, callers: 0, abandon };
    this.#asked.set(minValidMs, asked);
    promise.then(forget, forget);
    return asked;
  }

  #start(minValidMs: number, force: boolean): Call<Token> {
    const native = this.#handle.open();
    const call = startPolled(
      this.#id,
      (number) => native.token(number, minValidMs, force),
      (number) => native.poll(number),
      (number) => native.abandon(number),
      (outcome) => this.#tokenOf(outcome),
    );
    // The client is not freed before the call has ended.
    let release = () => {};
    const over = new Promise<void>((resolve) => {
      release = resolve;
    });
    observe(this.#name, call.promise);
    call.promise.then(release, release);
    void this.#handle.use(() => over);
    const abandon = () => {
      call.abandon();
      release();
    };
    return { promise: call.promise, abandon };
  }

  #tokenOf({ token }: Outcome): Token {
    return this.#adopt(token as TokenFields);
  }

  #adopt(fields: TokenFields): Token {
    const token = new Token(fields);
    if (!this.#handle.closed) this.#last = token;
    return token;
  }

  #lastCached(): string | undefined {
    return this.#last?.source === 'cache' ? this.#last.accessToken : undefined;
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
  async #takenAway<T>(body: () => Promise<T>): Promise<T> {
    const call = this.#changed(body);
    const leaving = Promise.allSettled([this.#leaving, call]).then(() => {
      if (this.#leaving === leaving) this.#leaving = undefined;
    });
    this.#leaving = leaving;
    return call;
  }

  #run<T>(
    begin: (native: NativeClient, call: number) => void,
    read: (outcome: Outcome) => T,
    options: CallOptions,
  ): Promise<T> {
    return this.#handle.use((native) => run((call) => begin(native, call), read, options));
  }
}

let nextClient = 1;

/**
 * Waits for a request that has no caller any more, so that its result is stored, and frees. Returns
 * the store's error if a new token could not be stored.
 */
async function freeClient(native: NativeClient): Promise<Failure> {
  const drained = run((call) => native.drain(call, DRAIN_MS), nothing);
  // Busy: the request is still in flight.
  const failure = await drained.catch((error: CountersignError) =>
    error.kind === 'busy' ? undefined : error,
  );
  await run((call) => native.free(call), nothing);
  return failure ?? undefined;
}

function settingFields(settings: Settings): SettingFields[] {
  const fields: SettingFields[] = [];
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    if (value !== null && typeof value !== 'string' && typeof value !== 'number') {
      throw usageError(`the setting \`${name}\` is a ${typeof value}`, 'pass a string or a number');
    }
    fields.push({ name, value: value === null ? undefined : String(value) });
  }
  return fields;
}

/** Returns the addon's object of an option that has one. */
function nativeOf<N>(name: string, option: { readonly native: N } | undefined): N | undefined {
  if (option === undefined || option?.native) return option?.native;
  throw wrongType(`\`${name}\``);
}

function nothing(): void {}

function textOf({ text }: Outcome): string {
  return text ?? '';
}

function jsonOf<T>({ text }: Outcome): T {
  return JSON.parse(text ?? 'null');
}
