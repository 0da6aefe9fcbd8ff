// The providers that clients may name: the built-in ones, and those that the program adds.

import { call, callNow, takeText, textArgs } from './call.js';
import * as callbacks from './callbacks.js';
import { registry as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';
import type { LogLevel } from './numbers.js';

/** What is known of a provider. */
export interface ProviderInfo {
  id: string;
  name: string;
  [member: string]: unknown;
}

/** What a registry is given. */
export interface RegistryOptions {
  /** Takes what plugins log; without it, that is dropped. Kept until the process ends, once a plugin was loaded. */
  log?: callbacks.Log;
  /** The last level that is logged; `info` where nothing is said. */
  logLevel?: LogLevel;
}

/** The built-in providers, and those that are added. */
export class Registry {
  readonly #handle: Handle;
  /** The library wants one call at a time where one of them changes the registry. */
  #before: Promise<unknown> = Promise.resolve();
  readonly #log: callbacks.Callback<callbacks.Log> | undefined;
  #hasPlugins = false;

  constructor({ log, logLevel = 'info' }: RegistryOptions = {}) {
    const most = callbacks.levelNumber(logLevel);
    const out: Out = [null];
    callNow(c.create, out);
    this.#handle = new Handle(this, out[0], 'registry', c.free);
    if (log) {
      this.#log = new callbacks.Callback(log);
      callNow(c.setLog, out[0], most, callbacks.log, this.#log.id, null);
    }
  }

  /** Adds a provider that is described as a profile, in TOML. */
  async addProfile(toml: string): Promise<void> {
    await this.whileUnchanged((registry) => call(c.addProfile, registry, ...textArgs(toml)));
  }

  /**
   * Loads a plugin and adds its providers. A plugin is native code that runs with all rights of this process: load
   * none that you would not run. `path` is absolute; `sha256` is the file's digest in hex, to load no other.
   */
  async loadPlugin(path: string, sha256 = ''): Promise<void> {
    // Also where it is refused: it may be one that was loaded, but has a provider that is there.
    this.#hasPlugins = true;
    await this.whileUnchanged((registry) =>
      call(c.loadPlugin, registry, ...textArgs(path), ...textArgs(sha256)),
    );
  }

  /** Which providers there are. */
  async providers(): Promise<ProviderInfo[]> {
    const out: Out = [null];
    await this.whileUnchanged((registry) => call(c.providers, registry, out));
    return JSON.parse(takeText(out[0]));
  }

  /** Runs a call when the earlier ones on this registry have ended. @internal */
  whileUnchanged<T>(body: (registry: Pointer) => Promise<T>): Promise<T> {
    const mine = this.#handle.use(async (pointer) => {
      const before = this.#before;
      const done = before.then(() => body(pointer));
      this.#before = done.catch(() => {});
      return done;
    });
    return mine;
  }

  /** Frees it, when no call uses it any more. Clients made with it go on. */
  close(): void {
    this.#handle.close();
    if (!this.#hasPlugins) this.#log?.forget();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
