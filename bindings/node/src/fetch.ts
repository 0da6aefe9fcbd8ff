// `fetch` with a client's token.

import { isIPv4 } from 'node:net';

import type { Client } from './client.js';
import { usageError } from './error.js';
import type { Token } from './token.js';

type Fetch = typeof globalThis.fetch;

/**
 * A `fetch` that puts the client's token into `Authorization`, and where the API answers 401 gets another token and
 * repeats the call once. It repeats only what it can send again: no body, or one that is text, bytes, a form or a
 * blob; neither a stream nor a `Request` with a body. The token goes where the caller's URL says, and to no other
 * origin that this redirects to. A URL with plain http that is not on this machine rejects with an `UnexpectedError` of
 * the kind `usage`: the token is not sent in clear text.
 *
 * @param fetch  what sends: without it, the one of Node.
 *
 * @example
 * ```js
 * const api = withToken(await Client.load('docusign'));
 * const response = await api('https://demo.docusign.net/restapi/v2.1/accounts');
 * ```
 */
export function withToken<F = Fetch>(client: Client, fetch?: F): F {
  const send = (fetch ?? globalThis.fetch) as Fetch;
  const fetchWithToken: Fetch = async (input, init) => {
    const signal = init?.signal ?? (isRequest(input) ? input.signal : undefined);
    const asking = signal ? { signal } : {};
    checkTarget(target(input));
    const token = await client.token(asking);
    const first = await send(input, authorized(input, init, token));
    if (first.status !== 401 || wentElsewhere(input, first)) return first;
    await client.invalidate(token);
    if (!canBeResent(input, init)) return first;
    const other = await client.token(asking);
    if (other.accessToken === token.accessToken) return first;
    // Not awaited: an answer whose body nobody reads must not hold up, or fail, the second call.
    first.body?.cancel().catch(() => {});
    return send(input, authorized(input, init, other));
  };
  return fetchWithToken as F;
}

function authorized(input: Parameters<Fetch>[0], init: RequestInit | undefined, token: Token): RequestInit {
  // As in `fetch` itself: headers of `init` take the place of the request's.
  const headers = new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined));
  headers.set('authorization', token.authorization);
  return { ...init, headers };
}

/** Whether the answer is of another origin, which never got the token. */
function wentElsewhere(input: Parameters<Fetch>[0], response: Response): boolean {
  if (!response.redirected) return false;
  return new URL(response.url).origin !== target(input).origin;
}

function target(input: Parameters<Fetch>[0]): URL {
  return new URL(isRequest(input) ? input.url : String(input));
}

/** Throws where a token would be sent in clear text. */
function checkTarget({ protocol, hostname }: URL): void {
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return;
  throw usageError(
    `the token is not sent to ${hostname} over ${protocol.slice(0, -1)}`,
    'use https: plain http is allowed only to localhost and loopback addresses',
  );
}

/** Of a host as URL has it: in lower case, and an address in its usual form. */
function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

function canBeResent(input: Parameters<Fetch>[0], init: RequestInit | undefined): boolean {
  const body: unknown = init?.body;
  if (body === undefined || body === null) return !isRequest(input) || input.body === null;
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

/** By its shape, since another `fetch` has a `Request` of its own. */
function isRequest(input: Parameters<Fetch>[0]): input is Request {
  return typeof input === 'object' && 'headers' in input && 'url' in input;
}
