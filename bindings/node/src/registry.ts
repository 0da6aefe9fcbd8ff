// The providers that clients can use: the built-in ones, and those that the program adds.

import { addon } from './addon.js';
import { checkLevel, hold, type Log } from './callbacks.js';
import { Handle } from './handle.js';
import { type CallOptions, host, run } from './host.js';
import type { NativeRegistry } from './native.js';
import type { GrantType, LogLevel } from './words.js';

/** Describes a provider. */
export interface ProviderInfo {
  /** The setting `provider`. */
  id: string;
  name: string;
  /** The vendor's documentation. */
  documentation: string;
  /** The values of the setting `environment`. */
  environments: string[];
  /** The values of the setting `grant`. */
  grants: GrantType[];
  /** The vendor's own settings, `extra.NAME`, and what they are. */
  extra: Record<string, unknown>;
}

/** Options of a {@link Registry}. */
export interface RegistryOptions {
  /**
   * Receives plugins' log messages, which are discarded by default. A loaded plugin keeps it until
   * the process ends.
   */
  log?: Log;
  /** The most verbose level that is logged. Defaults to `info`. */
  logLevel?: LogLevel;
}

/** Holds the providers that clients can use: the built-in ones, and those that the program adds. */
export class Registry {
  readonly #handle: Handle<NativeRegistry>;

  constructor({ log, logLevel = 'info' }: RegistryOptions = {}) {
    const level = checkLevel(logLevel);
    const native = new addon.NativeRegistry(host, log && { callback: hold(log), level });
    this.#handle = new Handle(this, native, 'registry', () => undefined);
  }

  /**
   * Adds a provider that a profile in TOML describes. It takes precedence over a vendor of the
   * catalogue with the same ID. The error names the line or the field.
   */
  async addProfile(toml: string, options: CallOptions = {}): Promise<void> {
    await this.#run(
      (native, call) => native.addProfile(call, toml),
      () => {},
      options,
    );
  }

  /**
   * Loads a plugin from its absolute path and adds its providers. A plugin is native code that runs
   * with the full rights of the process, and is never unloaded. If there is a `sha256`, the file
   * must have this digest, in hex.
   */
  async loadPlugin(path: string, options: CallOptions & { sha256?: string } = {}): Promise<void> {
    await this.#run(
      (native, call) => native.loadPlugin(call, path, options.sha256),
      () => {},
      options,
    );
  }

  /** Returns the registry's providers. */
  async providers(options: CallOptions = {}): Promise<ProviderInfo[]> {
    return this.#run(
      (native, call) => native.providers(call),
      ({ text }) => JSON.parse(text ?? '[]'),
      options,
    );
  }

  /** @internal */
  get native(): NativeRegistry {
    return this.#handle.open();
  }

  /** Frees the registry when no call uses it any more. Its clients keep working. */
  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(
    begin: (native: NativeRegistry, call: number) => void,
    read: Parameters<typeof run<T>>[1],
    options: CallOptions,
  ): Promise<T> {
    return this.#handle.use((native) => run((call) => begin(native, call), read, options));
  }
}
