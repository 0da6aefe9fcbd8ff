// The providers that clients can use: the built-in ones, and those that the program adds.

import { call, callNow, takeText, textArgs } from './call.js';
import * as callbacks from './callbacks.js';
import { registry as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';
import type { LogLevel } from './numbers.js';

/** Describes a provider. */
export interface ProviderInfo {
  id: string;
  name: string;
  [member: string]: unknown;
}

/** Options of a {@link Registry}. */
export interface RegistryOptions {
  /**
   * Receives plugins' log messages, which are discarded by default. A loaded plugin keeps it until
   * the process ends.
   */
  log?: callbacks.Log;
  /** The most verbose level that is logged. Defaults to `info`. */
  logLevel?: LogLevel;
}

/** Holds the providers that clients can use: the built-in ones, and those that the program adds. */
export class Registry {
  readonly #handle: Handle;
  /** The library requires exclusive access to change a registry, so calls run one after another. */
  #before: Promise<unknown> = Promise.resolve();
  readonly #log: callbacks.Callback<callbacks.Log> | undefined;
  #hasPlugins = false;

  constructor({ log, logLevel = 'info' }: RegistryOptions = {}) {
    const level = callbacks.levelNumber(logLevel);
    const out: Out = [null];
    callNow(c.create, out);
    this.#handle = new Handle(this, out[0], 'registry', c.free);
    if (log) {
      this.#log = new callbacks.Callback(log);
      callNow(c.setLog, out[0], level, callbacks.log, this.#log.id, null);
    }
  }

  /** Adds a provider that a profile in TOML describes. The error names the line or the field. */
  async addProfile(toml: string): Promise<void> {
    await this.whileUnchanged((registry) => call(c.addProfile, registry, ...textArgs(toml)));
  }

  /**
   * Loads a plugin from its absolute path and adds its providers. A plugin is native code that runs
   * with the full rights of the process, and is never unloaded. If `sha256` is not empty, the file
   * must have this digest, in hex.
   */
  async loadPlugin(path: string, sha256 = ''): Promise<void> {
    // Also if this fails: the plugin may have been loaded, but have a provider that already exists.
    this.#hasPlugins = true;
    await this.whileUnchanged((registry) =>
      call(c.loadPlugin, registry, ...textArgs(path), ...textArgs(sha256)),
    );
  }

  /** Returns the registry's providers. */
  async providers(): Promise<ProviderInfo[]> {
    const out: Out = [null];
    await this.whileUnchanged((registry) => call(c.providers, registry, out));
    return JSON.parse(takeText(out[0]));
  }

  /** Runs a call after the earlier calls on this registry have ended. @internal */
  whileUnchanged<T>(body: (registry: Pointer) => Promise<T>): Promise<T> {
    const mine = this.#handle.use(async (pointer) => {
      const before = this.#before;
      const done = before.then(() => body(pointer));
      this.#before = done.catch(() => {});
      return done;
    });
    return mine;
  }

  /** Frees the registry when no call uses it any more. Its clients keep working. */
  close(): void {
    this.#handle.close();
    if (!this.#hasPlugins) this.#log?.forget();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
