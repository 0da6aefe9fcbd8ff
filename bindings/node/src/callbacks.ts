// The program's callbacks. The addon knows them by numbers, and posts an event to call one.

import { forgetCause, keepCause, usageError } from './error.js';
import type { NativeEvent, NativeHost } from './native.js';
import { Token } from './token.js';
import { type Change, LOG_LEVELS, type LogLevel } from './words.js';

/** Signs with a key that stays in an HSM or a KMS. */
export interface Signer {
  /** The JWS algorithm, such as `RS256`. */
  algorithm: string;
  /** The `kid` of assertions. */
  keyId?: string;
  /**
   * Signs the message, not its hash, and returns the signature in the format of RFC 7518, or in DER
   * for ECDSA, or a promise of it. What it throws becomes the `cause` of the call's error. It must
   * not wait for its own client.
   */
  sign(input: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Receives a line of the log, which contains no secrets. */
export type Log = (level: LogLevel, line: string) => void;

/** Called for a change of the token. The token is null for `forgotten`. */
export type ChangeListener = (change: Change, token: Token | null) => void;

/** Opens or shows the URL of a login. */
export type Open = (url: string) => void | Promise<void>;

type Callback = Signer['sign'] | Log | ChangeListener | Open;

const held = new Map<number, Callback>();
let nextCallback = 1;

/** Holds a callback until the addon drops it, and returns its number. */
export function hold(callback: Callback): number {
  const id = nextCallback++;
  held.set(id, callback);
  return id;
}

export function forgetCallback(id: number): void {
  held.delete(id);
}

/** Returns how many callbacks the addon still holds. For tests. */
export function callbacksHeld(): number {
  return held.size;
}

/** Checks the most verbose level that a program asks for. */
export function checkLevel(level: LogLevel): LogLevel {
  if (LOG_LEVELS.includes(level)) return level;
  throw usageError(`\`logLevel\` is ${level}`, `pass ${LOG_LEVELS.join(', ')}`);
}

/** Calls the callback of an event, and answers the event's question. */
export function answer(host: NativeHost, event: NativeEvent): void {
  const callback = held.get(event.id);
  const { kind, question, word = '', text = '', bytes, token } = event;
  if (kind === 'log') hear(() => (callback as Log)(word as LogLevel, text));
  if (question === undefined) return;
  if (kind === 'change') {
    hear(() => (callback as ChangeListener)(word as Change, token ? new Token(token) : null));
    host.answer(question);
    return;
  }
  const fail = (thrown: unknown) => {
    const cause = keepCause(thrown);
    if (!host.fail(question, cause)) forgetCause(cause);
  };
  try {
    const returned =
      kind === 'sign' ? (callback as Signer['sign'])(bytes ?? new Uint8Array()) : (callback as Open)(text);
    if (isThenable(returned)) returned.then(reply).then(undefined, fail);
    else reply(returned);
  } catch (thrown) {
    fail(thrown);
  }

  function reply(returned: unknown): void {
    if (kind !== 'sign') {
      host.answer(question as number);
    } else if (returned instanceof Uint8Array) {
      host.answer(question as number, Buffer.from(returned));
    } else {
      throw new TypeError('a signer must return a Uint8Array, or a promise of one');
    }
  }
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

/** Runs a callback that can't fail. What it throws is emitted as a process warning. */
function hear(run: () => void): void {
  try {
    run();
  } catch (thrown) {
    process.emitWarning(thrown instanceof Error ? thrown : String(thrown));
  }
}
