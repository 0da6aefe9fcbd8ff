// An interceptor for undici.

import type { Dispatcher } from 'undici';

import { checkTarget, hasOtherHeaders, isReplayable } from './adapter.js';
import type { Token, TokenSource } from './token.js';

/** Options of {@link interceptor}. */
export interface InterceptorOptions {
  /** The origins of the API, such as `https://demo.docusign.net`. Others don't get the token. */
  origins: readonly (string | URL)[];
}

type Dispatch = Dispatcher['dispatch'];
type Options = Parameters<Dispatch>[0];
type Handler = Parameters<Dispatch>[1];

/**
 * Returns an interceptor that adds the source's token to requests to these origins. If the API
 * responds with 401, it invalidates that token, gets another one and repeats the request once, if
 * its body is not a stream.
 *
 * Requests to other origins are sent unchanged, and so is what follows a redirect to another origin
 * with undici's redirect interceptor. For `fetch`, use `withToken`: a dispatcher doesn't see its
 * redirects.
 *
 * @example
 * ```js
 * const agent = new Agent().compose(interceptor(client, { origins: ['https://demo.docusign.net'] }));
 * const { body } = await request('https://demo.docusign.net/restapi', { dispatcher: agent });
 * ```
 */
export function interceptor(
  source: TokenSource,
  { origins }: InterceptorOptions,
): (dispatch: Dispatch) => Dispatch {
  const allowed = new Set(origins.map((origin) => new URL(origin).origin));
  /** The origins of requests, by handler: a redirect has the same one. */
  const first = new WeakMap<Handler, string>();
  return (dispatch) => (options, handler) => {
    const target = new URL(String(options.origin));
    const before = first.get(handler) ?? target.origin;
    first.set(handler, before === target.origin ? before : 'another');
    if (before !== target.origin || !allowed.has(target.origin)) return dispatch(options, handler);
    checkTarget(target);
    sendWithToken(source, dispatch, options, handler).catch((error) => fail(handler, error));
    return true;
  };
}

async function sendWithToken(
  source: TokenSource,
  dispatch: Dispatch,
  options: Options,
  handler: Handler,
): Promise<void> {
  const token = await source.token();
  const other = async () => {
    await source.invalidate(token);
    if (!isReplayable(options.body)) return undefined;
    const next = await source.token();
    return next.accessToken === token.accessToken ? undefined : next;
  };
  const again = (next: Token) => dispatch(authorized(options, next), handler);
  dispatch(authorized(options, token), replacing(handler, other, again));
}

/**
 * Returns a handler that holds back a response with status 401, until it is known whether there is
 * another token to repeat the request with. Handlers of undici 6 and 7 have different methods.
 */
function replacing(
  handler: Handler,
  other: () => Promise<Token | undefined>,
  again: (token: Token) => void,
): Handler {
  const heldBack: (() => void)[] = [];
  let rejected = false;
  const methods = handler as Record<string, unknown>;
  return new Proxy(handler, {
    get(_, name: string) {
      const method = methods[name];
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const status = { onHeaders: args[0], onResponseStart: args[1] }[name];
        if (status === 401) rejected = true;
        if (!rejected || FAILURES.includes(name)) return method.apply(handler, args);
        heldBack.push(() => method.apply(handler, args));
        if (!ENDS.includes(name)) return true;
        return other().then(
          (token) => {
            if (token) again(token);
            else for (const call of heldBack) call();
          },
          (error) => fail(handler, error),
        );
      };
    },
  });
}

const ENDS = ['onComplete', 'onResponseEnd'];
const FAILURES = ['onError', 'onResponseError'];

function authorized(options: Options, token: Token): Options {
  const carried = { ...options, headers: headersWith(options.headers, token.headers) };
  // An inner redirect interceptor only removes Authorization for another origin. An outer one calls
  // this interceptor again.
  return hasOtherHeaders(token) ? ({ ...carried, maxRedirections: 0 } as Options) : carried;
}

function headersWith(
  headers: Options['headers'],
  carrying: Readonly<Record<string, string>>,
): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  const replaced = new Set(Object.keys(carrying).map((name) => name.toLowerCase()));
  const add = (name: string, value: string | string[] | undefined) => {
    if (value !== undefined && !replaced.has(name.toLowerCase())) all[name] = value;
  };
  if (Array.isArray(headers)) {
    // Names and values by turns, or pairs of them.
    const flat = headers.flat() as string[];
    for (let i = 0; i + 1 < flat.length; i += 2) add(String(flat[i]), flat[i + 1]);
  } else if (headers && Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<[string, string | string[] | undefined]>)
      add(name, value);
  } else {
    for (const [name, value] of Object.entries(headers ?? {})) add(name, value);
  }
  return { ...all, ...carrying };
}

function fail(handler: Handler, error: Error): void {
  const { onError, onResponseError } = handler as Record<string, ((...args: unknown[]) => void) | undefined>;
  if (onError) onError.call(handler, error);
  else onResponseError?.call(handler, null, error);
}
