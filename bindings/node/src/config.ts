// Builds a client of the library from settings and callbacks.

import { call, callNow, textArgs } from './call.js';
import * as callbacks from './callbacks.js';
import { usageError } from './error.js';
import { config as c, client, type Out, type Pointer } from './functions.js';
import type { LogLevel } from './numbers.js';
import type { Registry } from './registry.js';
import type { Settings } from './settings.js';

/** Options of {@link Client.create}. */
export interface ClientOptions {
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
  signer?: callbacks.Signer;
  /** Replaces the system's clocks, for tests. */
  clock?: callbacks.Clock;
  /** Receives the library's log. By default, nothing is logged. */
  log?: callbacks.Log;
  /** The most verbose level that is logged. Defaults to `info`. */
  logLevel?: LogLevel;
  /**
   * Called for each change of the token, after the change is stored and before any caller gets the
   * token.
   */
  onChange?: callbacks.ChangeListener;
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

/** The source of a connection's settings. */
export interface From {
  /**
   * The connection's name in a TOML file, and the file's path, or an empty string for the default.
   */
  file?: { name: string; path: string };
  settings: Settings;
}

/** A client of the library and its callbacks. */
export interface Made {
  pointer: Pointer;
  callbacks: callbacks.Callback<unknown>[];
}

/** Builds a client of the library. Files and stores are read on another thread. */
export async function makeClient(from: From, options: ClientOptions): Promise<Made> {
  const config = newConfig();
  const made: Made = { pointer: null, callbacks: [] };
  try {
    if (from.file) await call(c.load, config, ...textArgs(from.file.path), ...textArgs(from.file.name));
    if (options.name !== undefined) callNow(c.setName, config, ...textArgs(options.name));
    setAll(config, from.settings);
    setCallbacks(config, options, made);
    const out: Out = [null];
    const create = (registry: Pointer) => call(client.create, config, registry, out);
    await (options.registry ? options.registry.whileUnchanged(create) : create(null));
    made.pointer = out[0];
    return made;
  } catch (error) {
    for (const callback of made.callbacks) callback.forget();
    throw error;
  } finally {
    c.free(config);
  }
}

function newConfig(): Pointer {
  const out: Out = [null];
  callNow(c.create, out);
  return out[0];
}

function setAll(config: Pointer, settings: Settings): void {
  // Remove settings first, so that a key file can be replaced by a key in another form.
  for (const [name, value] of Object.entries(settings)) {
    if (value === null) callNow(c.unset, config, ...textArgs(name));
  }
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw usageError(`the setting \`${name}\` is a ${typeof value}`, 'pass a string or a number');
    }
    callNow(c.set, config, ...textArgs(name), ...textArgs(String(value)));
  }
}

function setCallbacks(config: Pointer, options: ClientOptions, made: Made): void {
  const { signer, clock, log, onChange } = options;
  const held = <F>(run: F): callbacks.Callback<F> => {
    const callback = new callbacks.Callback(run);
    made.callbacks.push(callback as callbacks.Callback<unknown>);
    return callback;
  };
  if (log) {
    const level = callbacks.levelNumber(options.logLevel ?? 'info');
    callNow(c.setLog, config, level, callbacks.log, held(log).id, null);
  }
  if (clock) callNow(c.setClock, config, callbacks.clock, held(clock).id, null);
  if (onChange) callNow(c.setListener, config, callbacks.change, held(onChange).id, null);
  if (signer) {
    const { id } = held((input: Uint8Array) => signer.sign(input));
    const [algorithm, keyId] = [textArgs(signer.algorithm), textArgs(signer.keyId ?? '')];
    callNow(c.setSigner, config, ...algorithm, ...keyId, callbacks.sign, id, null);
  }
}
