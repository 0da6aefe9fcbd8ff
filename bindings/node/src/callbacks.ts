// Callbacks. There is one C function per kind of callback, for all clients. It finds the program's
// function by a number. koffi runs it on the event loop while the library's thread waits.

import { keepCause, usageError } from './error.js';
import { type Pointer, protos } from './functions.js';
import { koffi } from './koffi.js';
import { CHANGES, type Change, LOG_LEVELS, type LogLevel } from './numbers.js';
import { copyToken, type Token } from './token.js';

/** Signs with a key that stays in an HSM or a KMS. */
export interface Signer {
  /** The JWS algorithm, such as `RS256`. */
  algorithm: string;
  /** The `kid` of assertions. */
  keyId?: string;
  /**
   * Signs the message, not its hash, and returns the signature in the format of RFC 7518, or in DER
   * for ECDSA. It runs on the event loop and can't return a promise. What it throws becomes the
   * `cause` of the call's error.
   */
  sign(input: Uint8Array): Uint8Array;
}

/** Returns the time, instead of the system's clocks. For tests. */
export type Clock = () => {
  /** Milliseconds since 1970-01-01 UTC. */
  unixMs: number;
  /** Milliseconds since boot, including sleep. They never decrease. */
  bootMs: number;
};

/** Receives a line of the log, which contains no secrets. */
export type Log = (level: LogLevel, line: string) => void;

/** Called for a change of the token. The token is null for `forgotten`. */
export type ChangeListener = (change: Change, token: Token | null) => void;

/** Opens or shows the URL of a login. */
export type Open = (url: string) => void;

/**
 * A program's callback, and the number by which the library calls it.
 *
 * The library gets no `destroy`, which it would call on its own thread, perhaps after the event
 * loop has ended. None is needed: the C functions live as long as the process, and calls with an
 * unknown number are ignored.
 */
export class Callback<F> {
  readonly id: number;
  readonly run: F;

  constructor(run: F) {
    this.run = run;
    this.id = nextId++;
    live.set(this.id, this as Callback<unknown>);
  }

  /** Releases the callback when the library no longer calls it. */
  forget(): void {
    live.delete(this.id);
  }
}

/** Returns how many callbacks the library still holds. For tests. */
export function callbacksHeld(): number {
  return live.size;
}

const live = new Map<number, Callback<unknown>>();
let nextId = 1;

export const sign = koffi.register(
  (id: Pointer, input: Pointer, length: number, signature: Pointer, capacity: number, written: Pointer) =>
    run<Signer['sign']>(id, (sign) => {
      const bytes: Uint8Array = length === 0 ? new Uint8Array() : koffi.decode(input, 'uint8_t', length);
      const signed = sign(bytes);
      checkSignature(signed, capacity);
      koffi.encode(signature, 'uint8_t', signed, signed.length);
      koffi.encode(written, 'size_t', signed.length);
    }),
  koffi.pointer(protos.sign),
);

export const clock = koffi.register(
  (id: Pointer, unixMs: Pointer, bootMs: Pointer) =>
    run<Clock>(id, (clock) => {
      const now = clock();
      koffi.encode(unixMs, 'int64_t', Math.trunc(now.unixMs));
      koffi.encode(bootMs, 'uint64_t', Math.trunc(now.bootMs));
    }),
  koffi.pointer(protos.clock),
);

export const log = koffi.register((id: Pointer, level: number, line: Pointer, length: number) => {
  hear<Log>(id, (log) => log(LOG_LEVELS[level] ?? 'debug', textAt(line, length)));
}, koffi.pointer(protos.log));

export const change = koffi.register((id: Pointer, change: number, token: Pointer) => {
  hear<ChangeListener>(id, (listener) => {
    const name = CHANGES[change];
    if (name) listener(name, token === null ? null : copyToken(token));
  });
}, koffi.pointer(protos.change));

export const open = koffi.register(
  (id: Pointer, url: Pointer, length: number) => run<Open>(id, (open) => open(textAt(url, length))),
  koffi.pointer(protos.open),
);

/** Returns the number of a level, for csign_config_set_log. */
export function levelNumber(level: LogLevel): number {
  const found = Object.entries(LOG_LEVELS).find(([, name]) => name === level);
  if (!found) throw usageError(`\`logLevel\` is ${level}`, 'pass error, warn, info or debug');
  return Number(found[0]);
}

/**
 * Runs a callback that can fail. What it throws is stored under the status that is returned to the
 * library.
 */
function run<F>(id: Pointer, body: (run: F) => void): number {
  const callback = live.get(Number(id)) as Callback<F> | undefined;
  if (!callback) return 1;
  try {
    body(callback.run);
    return 0;
  } catch (thrown) {
    return keepCause(thrown);
  }
}

/** Runs a callback that can't fail. What it throws is emitted as a process warning. */
function hear<F>(id: Pointer, body: (run: F) => void): void {
  const callback = live.get(Number(id)) as Callback<F> | undefined;
  if (!callback) return;
  try {
    body(callback.run);
  } catch (thrown) {
    process.emitWarning(thrown instanceof Error ? thrown : String(thrown));
  }
}

function checkSignature(signed: unknown, capacity: number): asserts signed is Uint8Array {
  if (!(signed instanceof Uint8Array)) {
    throw new TypeError('a signer must return a Uint8Array, not a promise');
  }
  if (signed.length > capacity) {
    throw new RangeError(`the signer returned ${signed.length} bytes, but the maximum is ${capacity}`);
  }
}

function textAt(start: Pointer, length: number): string {
  return length === 0 ? '' : Buffer.from(koffi.decode(start, 'uint8_t', length)).toString('utf8');
}
