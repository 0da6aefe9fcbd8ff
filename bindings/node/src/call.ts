// How the library is called: on a thread of libuv's pool, or here where it cannot wait.

import { takeError } from './error.js';
import { type Out, type Pointer, text as texts } from './functions.js';
import { koffi, type Native } from './koffi.js';

/** What is handed to a function of the library. */
type Argument = Pointer | number | bigint | Uint8Array | Out | [number] | [number | bigint];

/**
 * Calls on a thread of libuv's pool, and throws the error that comes of it. A callback that the call causes runs on
 * the event loop, which is free meanwhile.
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

/** Frees something on a thread of libuv's pool: for what may take a while. */
export async function freeOnPool(fn: Native, pointer: Pointer): Promise<void> {
  await slot();
  try {
    await onPool(fn, [pointer]);
  } finally {
    release();
  }
}

/** Calls here: only what neither waits nor takes a lock that a callback may be called under. */
export function callNow(fn: Native, ...args: Argument[]): void {
  const error: Out = [null];
  const status: number = fn(...args, error);
  if (status !== 0) throw takeError(status, error[0]);
}

/** Text as the two arguments that the library takes. */
export function textArgs(value: string | Uint8Array): [Uint8Array | null, number] {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return bytes.length === 0 ? [null, 0] : [bytes, bytes.length];
}

/** The bytes of a csign_text, which is freed. */
export function takeBytes(text: Pointer): Buffer {
  try {
    const length: [number] = [0];
    const start: Pointer = texts.value(text, length);
    return length[0] === 0 ? Buffer.alloc(0) : Buffer.from(koffi.decode(start, 'uint8_t', length[0]));
  } finally {
    texts.free(text);
  }
}

/** The text of a csign_text, which is freed. */
export function takeText(text: Pointer): string {
  return takeBytes(text).toString('utf8');
}

/**
 * koffi keeps memory for each call that is under way or waits for a thread, for 256 of them, and callbacks from other
 * threads need some of it: so no more calls than this are handed to it.
 */
const MOST_CALLS = 64;

let calls = 0;
const waiting: (() => void)[] = [];

async function slot(): Promise<void> {
  if (calls < MOST_CALLS) {
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
      // The arguments are named here so that nothing the library reads or writes is collected before.
      args.length = 0;
      if (failure) reject(failure);
      else resolve(status);
    });
  });
}
