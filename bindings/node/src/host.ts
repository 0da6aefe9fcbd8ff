// The addon's events on this thread, and the calls that wait for them.

import { addon } from './addon.js';
import { answer, forgetCallback } from './callbacks.js';
import { checked, forgetCause, toError, usageError } from './error.js';
import type { NativeEvent, NativeHost, Outcome } from './native.js';

/** Options of every call that may wait. */
export interface CallOptions {
  /**
   * If aborted, the call rejects at once with the signal's reason. The request continues in the
   * library, and a later call gets its result.
   */
  signal?: AbortSignal | undefined;
  /** The maximum time to wait, in milliseconds, as with `AbortSignal.timeout`. */
  timeoutMs?: number | undefined;
}

/** A call in progress. */
export interface Call<T> {
  promise: Promise<T>;
  /** Stops waiting for the call, so that it doesn't keep the process running. */
  abandon(): void;
}

/** Starts a call whose outcome the addon posts as an event. */
export function start<T>(begin: (call: number) => void, read: (outcome: Outcome) => T): Call<T> {
  const call = nextCall++;
  const promise = new Promise<T>((resolve, reject) => {
    waiting.set(call, (outcome) => {
      if (outcome.error) reject(toError(outcome.error));
      else resolve(read(outcome));
    });
  });
  try {
    checked(() => begin(call));
  } catch (error) {
    waiting.delete(call);
    throw error;
  }
  keepRunning();
  return { promise, abandon: () => forget(call) };
}

/** Runs a call, and returns its outcome. */
export function run<T>(
  begin: (call: number) => void,
  read: (outcome: Outcome) => T,
  options: CallOptions = {},
): Promise<T> {
  options.signal?.throwIfAborted();
  const { promise, abandon } = start(begin, read);
  return waited(promise, options, abandon);
}

/**
 * Starts a call that the addon may answer at once. If it doesn't, `poll` is called each time the
 * client with this number is woken, until it returns an outcome.
 */
export function startPolled<T>(
  client: number,
  begin: (call: number) => Outcome | null,
  poll: (call: number) => Outcome | null,
  end: (call: number) => void,
  read: (outcome: Outcome) => T,
): Call<T> {
  const call = nextCall++;
  const first = checked(() => begin(call));
  if (first?.error) return { promise: Promise.reject(toError(first.error)), abandon: () => {} };
  if (first) return { promise: Promise.resolve(read(first)), abandon: () => {} };
  const polls = polled.get(client) ?? new Map<number, () => void>();
  polled.set(client, polls);
  const forgetPoll = () => {
    polls.delete(call);
    if (polls.size === 0) polled.delete(client);
  };
  const promise = new Promise<T>((resolve, reject) => {
    waiting.set(call, (outcome) => {
      if (outcome.error) reject(toError(outcome.error));
      else resolve(read(outcome));
    });
    polls.set(call, () => {
      const outcome = poll(call);
      if (!outcome) return;
      forgetPoll();
      finish(call, outcome);
    });
  });
  keepRunning();
  const abandon = () => {
    forgetPoll();
    if (forget(call)) end(call);
  };
  return { promise, abandon };
}

/** Returns the promise, which rejects as soon as the signal is aborted or the time is over. */
export function waited<T>(promise: Promise<T>, options: CallOptions, abandon: () => void): Promise<T> {
  const { signal, timeoutMs } = options;
  if (!signal && timeoutMs === undefined) return promise;
  const limit = timeoutMs === undefined ? undefined : milliseconds('timeoutMs', timeoutMs);
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = (reason: unknown) => {
      end();
      abandon();
      reject(reason);
    };
    const ignore = signal && onAbort(signal, () => stop(signal.reason));
    const end = () => {
      clearTimeout(timer);
      ignore?.();
    };
    if (limit !== undefined) {
      const late = () => stop(new DOMException(`no result within ${limit} ms`, 'TimeoutError'));
      timer = setTimeout(late, Math.min(limit, MAX_TIMER_MS));
    }
    promise.then(resolve, reject).finally(end);
  });
}

/** What to call when a signal is aborted, by signal. */
const aborts = new WeakMap<AbortSignal, { stops: Set<() => void>; abort: () => void }>();

/**
 * Calls `stop` when the signal is aborted, until the returned function is called. A signal has one
 * listener for all calls, because Node warns of more than ten.
 */
function onAbort(signal: AbortSignal, stop: () => void): () => void {
  let known = aborts.get(signal);
  if (!known) {
    const stops = new Set<() => void>();
    const abort = () => {
      for (const each of [...stops]) each();
    };
    known = { stops, abort };
    aborts.set(signal, known);
    signal.addEventListener('abort', abort);
  }
  const { stops, abort } = known;
  stops.add(stop);
  return () => {
    if (!stops.delete(stop) || stops.size > 0) return;
    signal.removeEventListener('abort', abort);
    aborts.delete(signal);
  };
}

/** Checks a duration in milliseconds. */
export function milliseconds(name: string, ms: number): number {
  if (ms >= 0 && ms <= 1e12) return Math.round(ms);
  throw usageError(`\`${name}\` is ${ms}`, 'pass a number of milliseconds that is 0 or more');
}

let nextCall = 1;
const waiting = new Map<number, (outcome: Outcome) => void>();
/** The polls of the calls that wait, by client. */
const polled = new Map<number, Map<number, () => void>>();

/** The longest delay of a timer. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** Keeps the event loop running while calls wait. The addon's own handle doesn't. */
const keeper = setInterval(() => {}, MAX_TIMER_MS);
keeper.unref();

function keepRunning(): void {
  if (waiting.size > 0) keeper.ref();
  else keeper.unref();
}

function finish(call: number, outcome: Outcome): void {
  const done = waiting.get(call);
  if (forget(call)) done?.(outcome);
}

function forget(call: number): boolean {
  const known = waiting.delete(call);
  keepRunning();
  return known;
}

function dispatch(event: NativeEvent): void {
  switch (event.kind) {
    case 'wake':
      for (const poll of [...(polled.get(event.id)?.values() ?? [])]) poll();
      break;
    case 'done':
      if (event.outcome) finish(event.id, event.outcome);
      break;
    case 'released':
      forgetCallback(event.id);
      break;
    case 'forgotten':
      forgetCause(event.id);
      break;
    default:
      answer(host, event);
  }
}

export const host: NativeHost = new addon.NativeHost(dispatch);

/**
 * How long the exit of the process waits for requests in flight: a little more than the default of
 * `timeout_ms`.
 */
export const DRAIN_MS = 35_000;

// A new refresh token must not be lost. Callbacks can't run any more: those that the library waits
// for end without an answer.
process.on('exit', () => host.exit(DRAIN_MS));
