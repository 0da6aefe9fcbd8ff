// Calls the library: on a thread of libuv's pool, or directly if the function never waits.

import { takeError } from './error.js';
import { type Out, type Pointer, text as texts } from './functions.js';
import { koffi, type Native } from './koffi.js';

/** An argument of a library function. */
type Argument = Pointer | number | bigint | Uint8Array | Out | [number] | [number | bigint];

/**
 * Calls a function on a thread of libuv's pool, and throws its error. Callbacks run on the event
 * loop, which the call doesn't block.
 */
export async function call(fn: Native, ...args: Argument[]): Promise<void> {
  const error: Out = [null];
  await slot();
  try {
    const status = await onPool(fn, [...args, error]);
    if (status !== 0) throw takeError(status, error[0]);
  } finally {
    release();
  }
}

/** Frees an object on a thread of libuv's pool, if that may take a while. */
export async function freeOnPool(fn: Native, pointer: Pointer): Promise<void> {
  await slot();
  try {
    await onPool(fn, [pointer]);
  } finally {
    release();
  }
}

/**
 * Calls a function directly. It must not wait, nor take a lock under which the library calls a
 * callback.
 */
export function callNow(fn: Native, ...args: Argument[]): void {
  const error: Out = [null];
  const status: number = fn(...args, error);
  if (status !== 0) throw takeError(status, error[0]);
}

/** Returns a string as the two arguments that the library expects. */
export function textArgs(value: string | Uint8Array): [Uint8Array | null, number] {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return bytes.length === 0 ? [null, 0] : [bytes, bytes.length];
}

/** Returns the bytes of a csign_text and frees it. */
export function takeBytes(text: Pointer): Buffer {
  try {
    const length: [number] = [0];
    const start: Pointer = texts.value(text, length);
    return length[0] === 0 ? Buffer.alloc(0) : Buffer.from(koffi.decode(start, 'uint8_t', length[0]));
  } finally {
    texts.free(text);
  }
}

/** Returns the string of a csign_text and frees it. */
export function takeText(text: Pointer): string {
  return takeBytes(text).toString('utf8');
}

/**
 * The maximum number of concurrent calls. koffi has memory for 256 calls that run or wait for a
 * thread, and callbacks from other threads need some of it.
 */
const MAX_CALLS = 64;

let calls = 0;
const waiting: (() => void)[] = [];

async function slot(): Promise<void> {
  if (calls < MAX_CALLS) {
    calls += 1;
    return;
  }
  await new Promise<void>((resolve) => waiting.push(resolve));
}

function release(): void {
  const next = waiting.shift();
  if (next) next();
  else calls -= 1;
}

function onPool(fn: Native, args: Argument[]): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (failure: Error | null, status: number) => {
      // This reference keeps the arguments, which the library reads and writes, from being
      // collected before.
      args.length = 0;
      if (failure) reject(failure);
      else resolve(status);
    });
  });
}
