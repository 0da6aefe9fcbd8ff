// `fetch` with a client's token.

import type { Client } from './client.js';
import type { Token } from './token.js';

type Fetch = typeof globalThis.fetch;

/**
 * A `fetch` that puts the client's token into `Authorization`, and where the API answers 401 gets another token and
 * repeats the call once. It repeats only what it can send again: no body, or one that is text, bytes, a form or a
 * blob; neither a stream nor a `Request` with a body. The token goes where the caller's URL says, and to no other
 * origin that this redirects to.
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
    const token = await client.token(asking);
    const first = await send(input, authorized(input, init, token));
    if (first.status !== 401 || wentElsewhere(input, first)) return first;
    await client.invalidate(token);
    if (!canBeResent(input, init)) return first;
    // Not awaited: an answer whose body nobody reads must not hold up, or fail, the second call.
    first.body?.cancel().catch(() => {});
    return send(input, authorized(input, init, await client.token(asking)));
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
  const asked = new URL(isRequest(input) ? input.url : String(input));
  return new URL(response.url).origin !== asked.origin;
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
