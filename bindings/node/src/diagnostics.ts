// What monitoring can subscribe to, and the log without a callback.

import { channel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';

import type { Log } from './callbacks.js';
import type { CountersignError } from './error.js';
import type { Token } from './token.js';

/**
 * A message of the diagnostics channel `countersign:token`: a call for a token that was not cached
 * has ended. Printing it shows no secret.
 */
export interface TokenMessage {
  /** The connection's name. */
  connection: string;
  /** How long the call took, in milliseconds. */
  durationMs: number;
  /** The token, if the call succeeded. */
  token?: Token;
  /** Why the call failed. */
  error?: CountersignError;
}

const tokens = channel('countersign:token');

/** Publishes the outcome of a call for a token. */
export function observe(connection: string, promise: Promise<Token>): void {
  if (!tokens.hasSubscribers) return;
  const start = performance.now();
  const publish = (outcome: Partial<TokenMessage>) =>
    tokens.publish({ connection, durationMs: performance.now() - start, ...outcome } satisfies TokenMessage);
  promise.then(
    (token) => publish({ token }),
    (error) => publish({ error }),
  );
}

const debug = debuglog('countersign');

/** Returns the log of `NODE_DEBUG=countersign`, if that is set. */
export function debugLog(): Log | undefined {
  return debug.enabled ? (level, line) => debug('%s %s', level, line) : undefined;
}
