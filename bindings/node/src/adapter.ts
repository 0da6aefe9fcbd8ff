// The rules that the adapters for HTTP libraries share. `tests/adapters` specifies them for all
// languages.

import { isIPv4 } from 'node:net';

import { usageError } from './error.js';
import type { Token } from './token.js';

/** Throws if the token would be sent in clear text. */
export function checkTarget({ protocol, hostname }: URL): void {
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return;
  throw usageError(
    `the token is not sent to ${hostname} over ${protocol.slice(0, -1)}`,
    'use https; plain http is allowed only to localhost and loopback addresses',
  );
}

/**
 * Returns whether a host of a URL is on this machine. URL has lowercased it and normalized an
 * address.
 */
function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

/**
 * Returns whether other headers than `Authorization` carry the token. HTTP libraries remove only that
 * one from a redirect to another origin.
 */
export function hasOtherHeaders({ headers }: Token): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() !== 'authorization');
}

/** Returns whether a body can be sent twice. */
export function isReplayable(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}
