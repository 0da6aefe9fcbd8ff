// What the library calls: one C function per kind of callback, for all clients, which finds the program's own by a
// number. koffi runs them on the event loop while the library's thread waits.

import { keepCause, usageError } from './error.js';
import { type Pointer, protos } from './functions.js';
import { koffi } from './koffi.js';
import { CHANGES, type Change, LOG_LEVELS, type LogLevel } from './numbers.js';
import { copyToken, type Token } from './token.js';

/** Signs with a key that the library does not see. */
export interface Signer {
  /** The algorithm of the key, such as `RS256`. */
  algorithm: string;
  /** The `kid` of assertions. */
  keyId?: string;
  /**
   * Signs the whole message, not its hash, and returns the signature as RFC 7518 has it, or ECDSA in DER. Runs on the
   * event loop, so it cannot return a promise. What it throws is the `cause` of the error of the call.
   */
  sign(input: Uint8Array): Uint8Array;
}

/** Tells the time, in place of the machine's clocks: for tests. */
export type Clock = () => {
  /** Milliseconds since 1970-01-01 UTC. */
  unixMs: number;
  /** Milliseconds since the machine started, sleep included; they never go back. */
  bootMs: number;
};

/** Takes a line of the log, which holds no secret. */
export type Log = (level: LogLevel, line: string) => void;

/** Hears of a change; the token is null with `forgotten`. */
export type ChangeListener = (change: Change, token: Token | null) => void;

/** Opens a URL for the person who logs in, or shows it. */
export type Open = (url: string) => void;

/**
 * A program's callback, with the number that the library knows it by.
 *
 * The library is given no `destroy`: it would call that on a thread of its own, perhaps when the event loop that koffi
 * hands such calls to is gone. It is not needed, since the C functions stay for as long as the process, and a number
 * that nobody answers to any more is no harm.
 */
export class Callback<F> {
  readonly id: number;
  readonly run: F;

  constructor(run: F) {
    this.run = run;
    this.id = nextId++;
    live.set(this.id, this as Callback<unknown>);
  }

  /** Lets go of it, when the library will not want it any more. */
  forget(): void {
    live.delete(this.id);
  }
}

/** How many callbacks the library still holds: for tests. */
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

/** The number of a level, for csign_config_set_log. */
export function levelNumber(level: LogLevel): number {
  const found = Object.entries(LOG_LEVELS).find(([, name]) => name === level);
  if (!found) throw usageError(`\`logLevel\` is ${level}`, 'write error, warn, info or debug');
  return Number(found[0]);
}

/** Runs a callback that can fail: what it throws is kept under the status that the library is given. */
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

/** Runs a callback that cannot fail: what it throws becomes a warning of the process. */
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
    throw new TypeError('a signer must return the signature as a Uint8Array, and not as a promise');
  }
  if (signed.length > capacity) {
    throw new RangeError(`a signer returned ${signed.length} bytes; a signature has at most ${capacity}`);
  }
}

function textAt(start: Pointer, length: number): string {
  return length === 0 ? '' : Buffer.from(koffi.decode(start, 'uint8_t', length)).toString('utf8');
}
