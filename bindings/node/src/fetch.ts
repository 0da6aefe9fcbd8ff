// `fetch` with a client's token.

import { checkTarget, hasOtherHeaders, isReplayable } from './adapter.js';
import type { Token, TokenSource } from './token.js';

type Fetch = typeof globalThis.fetch;

/**
 * Returns a `fetch` that adds the source's token to requests, such as a client's. If the API responds with 401, it
 * invalidates that token, gets another one and repeats the request once. The second response goes
 * to the caller, whatever it is. A request is not repeated if its body is a stream, or if it is a
 * `Request` with a body.
 *
 * If `fetch` follows a redirect to another origin, that request is sent without the token. A plain
 * http request to another machine rejects with a `UsageError`, because the token is not sent in
 * clear text.
 *
 * If the vendor's API expects the token in other headers than `Authorization`, redirects are returned
 * to the caller: `fetch` would send those headers along to another origin.
 *
 * @param fetch  the function that sends requests. Defaults to Node's `fetch`.
 *
 * @example
 * ```js
 * const api = withToken(await Client.load('docusign'));
 * const response = await api('https://demo.docusign.net/restapi/v2.1/accounts');
 * ```
 */
export function withToken<F = Fetch>(source: TokenSource, fetch?: F): F {
  const send = (fetch ?? globalThis.fetch) as Fetch;
  const fetchWithToken: Fetch = async (input, init) => {
    const signal = init?.signal ?? (isRequest(input) ? input.signal : undefined);
    const asking = signal ? { signal } : {};
    checkTarget(target(input));
    const token = await source.token(asking);
    const first = await send(input, authorized(input, init, token));
    if (first.status !== 401 || wentElsewhere(input, first)) return first;
    await source.invalidate(token);
    if (!canBeResent(input, init)) return first;
    const other = await source.token(asking);
    if (other.accessToken === token.accessToken) return first;
    // Not awaited: cancelling the unread body must neither delay nor fail the second request.
    first.body?.cancel().catch(() => {});
    return send(input, authorized(input, init, other));
  };
  return fetchWithToken as F;
}

function authorized(input: Parameters<Fetch>[0], init: RequestInit | undefined, token: Token): RequestInit {
  // As in `fetch` itself, the headers of `init` replace the request's.
  const headers = new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined));
  for (const [name, value] of Object.entries(token.headers)) headers.set(name, value);
  const redirect = init?.redirect ?? (isRequest(input) ? input.redirect : 'follow');
  if (redirect !== 'follow' || !hasOtherHeaders(token)) return { ...init, headers };
  return { ...init, headers, redirect: 'manual' };
}

/** Returns whether the response comes from another origin, which did not get the token. */
function wentElsewhere(input: Parameters<Fetch>[0], response: Response): boolean {
  if (!response.redirected) return false;
  return new URL(response.url).origin !== target(input).origin;
}

function target(input: Parameters<Fetch>[0]): URL {
  return new URL(isRequest(input) ? input.url : String(input));
}

function canBeResent(input: Parameters<Fetch>[0], init: RequestInit | undefined): boolean {
  const body: unknown = init?.body;
  if (body === undefined || body === null) return !isRequest(input) || input.body === null;
  return isReplayable(body);
}

/** Detects a `Request` by its shape, because another `fetch` has its own class. */
function isRequest(input: Parameters<Fetch>[0]): input is Request {
  return typeof input === 'object' && 'headers' in input && 'url' in input;
}
