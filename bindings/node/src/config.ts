// How settings and callbacks become a client of the library.

import { call, callNow, textArgs } from './call.js';
import * as callbacks from './callbacks.js';
import { usageError } from './error.js';
import { config as c, client, type Out, type Pointer } from './functions.js';
import type { LogLevel } from './numbers.js';
import type { Registry } from './registry.js';
import type { Settings } from './settings.js';

/** What a client is given beside its settings. */
export interface ClientOptions {
  /** The connection's name: it is in messages, and needed if the store outlives the process, to tell whose tokens are whose. */
  name?: string;
  /** Providers beside the built-in ones. */
  registry?: Registry;
  /** Signs assertions, in place of the setting `private_key`; where a file has that, set it to null. */
  signer?: callbacks.Signer;
  /** Tells the time, in place of the machine's clocks: for tests. */
  clock?: callbacks.Clock;
  /** Takes the lines of the library's log; without it nothing is logged anywhere. */
  log?: callbacks.Log;
  /** The last level that is logged; `info` where nothing is said. */
  logLevel?: LogLevel;
  /** Hears of each change of the token, after it is stored and before any caller gets it. */
  onChange?: callbacks.ChangeListener;
}

/** What {@link Client.load} is given. */
export interface LoadOptions extends ClientOptions {
  /** The TOML file; without it $COUNTERSIGN_CONFIG, ./countersign.toml, then the user's configuration folder. */
  path?: string;
  /** Settings in place of those in the file; null takes one away, such as `private_key` beside a signer. */
  settings?: Settings;
}

/** Where a connection's settings come from. */
export interface From {
  /** The connection's name in a TOML file, and the file, empty for the usual ones. */
  file?: { name: string; path: string };
  settings: Settings;
}

/** A client of the library, and the callbacks that it calls. */
export interface Made {
  pointer: Pointer;
  callbacks: callbacks.Callback<unknown>[];
}

/** Makes a client of the library; what it reads from files or a store is read on another thread. */
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
  // First what goes, so that a key in a file can give way to one in another form.
  for (const [name, value] of Object.entries(settings)) {
    if (value === null) callNow(c.unset, config, ...textArgs(name));
  }
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw usageError(`the setting \`${name}\` is a ${typeof value}`, 'write settings as text or numbers');
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
