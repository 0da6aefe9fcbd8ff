// Interceptors for axios.

import { checkTarget, hasOtherHeaders, isReplayable } from './adapter.js';
import type { Token, TokenSource } from './token.js';

/** The token that a request was sent with, and whether it repeats another one. */
interface Sent {
  token: Token;
  repeated: boolean;
}

/**
 * What the adapter uses of an `AxiosInstance`. axios declares that type twice, for `import` and for
 * `require`, and neither fits the other.
 */
export interface AxiosLike {
  getUri(config?: object): string;
  // biome-ignore-start lint/suspicious/noExplicitAny: the parameters differ between axios's versions.
  request(config: any): Promise<any>;
  interceptors: {
    request: { use(fulfilled: (config: any) => any): number };
    response: { use(fulfilled: (response: any) => any, rejected: (error: any) => any): number };
  };
  // biome-ignore-end lint/suspicious/noExplicitAny: as above.
}

interface Config {
  headers: { set(name: string, value: string): void };
  signal?: AbortSignal;
  data?: unknown;
  maxRedirects?: number;
  fetchOptions?: object;
  countersignToken?: Token;
}

interface Answer {
  status: number;
  config: Config;
  request?: { res?: { responseUrl?: string }; responseURL?: string };
}

/**
 * Adds the source's token to the requests of an axios instance, and returns the instance. If the
 * API responds with 401, it invalidates that token, gets another one and repeats the request once,
 * if its body is not a stream. The second response goes to the caller, whatever it is.
 *
 * axios removes the token if it follows a redirect to another origin. If the vendor's API expects
 * the token in other headers than `Authorization`, which axios doesn't remove, redirects are not
 * followed. A plain http request to another machine rejects with a `UsageError`, because the token
 * is not sent in clear text.
 *
 * @example
 * ```js
 * const api = withToken(client, axios.create({ baseURL: 'https://demo.docusign.net/restapi' }));
 * const { data } = await api.get('/v2.1/accounts');
 * ```
 */
export function withToken<I extends AxiosLike>(source: TokenSource, instance: I): I {
  const sent = new WeakMap<object, Sent>();
  instance.interceptors.request.use(async (config: Config) => {
    checkTarget(target(instance, config));
    const { countersignToken, signal } = config;
    const token = countersignToken ?? (await source.token({ signal: signal }));
    for (const [name, value] of Object.entries(token.headers)) config.headers.set(name, value);
    if (hasOtherHeaders(token)) {
      // For axios's adapters: `http`, and `fetch`.
      config.maxRedirects = 0;
      config.fetchOptions = { ...config.fetchOptions, redirect: 'manual' };
    }
    sent.set(config, { token, repeated: countersignToken !== undefined });
    return config;
  });
  /** Returns the response to a repetition with another token, if there is one. */
  const repeated = async (response: Answer): Promise<Answer | undefined> => {
    const { config } = response;
    const { token, repeated } = sent.get(config) ?? { repeated: true };
    if (response.status !== 401 || !token || repeated || wentElsewhere(instance, response)) return undefined;
    await source.invalidate(token);
    if (!isReplayable(config.data)) return undefined;
    const other = await source.token({ signal: config.signal });
    if (other.accessToken === token.accessToken) return undefined;
    return instance.request({ ...config, countersignToken: other });
  };
  instance.interceptors.response.use(
    async (response: Answer) => (await repeated(response)) ?? response,
    async (error: { response?: Answer }) => {
      const other = error.response && (await repeated(error.response));
      if (other) return other;
      throw error;
    },
  );
  return instance;
}

function target(instance: AxiosLike, config: Config): URL {
  return new URL(instance.getUri(config));
}

/** Returns whether a redirect led to another origin, whose 401 says nothing about the token. */
function wentElsewhere(instance: AxiosLike, { config, request }: Answer): boolean {
  const url = request?.res?.responseUrl ?? request?.responseURL;
  return typeof url === 'string' && new URL(url).origin !== target(instance, config).origin;
}
