// An access token, and what adapters get it from.

import { inspect } from 'node:util';

import { type CountersignError, toError } from './error.js';
import type { CallOptions } from './host.js';
import type { TokenFields } from './native.js';
import type { Source } from './words.js';

/** Options of a call for a token. */
export interface TokenOptions extends CallOptions {
  /**
   * How long the token must still be valid, in milliseconds. Defaults to the setting
   * `min_valid_s`.
   */
  minValidMs?: number | undefined;
}

/**
 * Returns tokens: a `Client`, or a fake in a unit test. The adapters for HTTP libraries accept any.
 */
export interface TokenSource {
  /** Returns a valid token. */
  token(options?: TokenOptions): Promise<Token>;
  /** Reports a token that an API rejected with 401, so that it isn't returned again. */
  invalidate(token: Token, options?: CallOptions): Promise<void>;
}

/** An access token. It is immutable, and printing it shows no secret. */
export class Token {
  readonly #accessToken: string;
  readonly #authorization: string;
  readonly #headers: Readonly<Record<string, string>> | CountersignError;
  /** The token type as the vendor sent it, nearly always `Bearer`. */
  readonly tokenType: string;
  readonly #expiresAtMs: number | null;
  /** The granted scopes, separated by spaces. null if the vendor doesn't say. */
  readonly scope: string | null;
  /** Where this call got the token from. */
  readonly source: Source;
  /** The vendor's additional members, such as `instance_url`. */
  readonly extra: Readonly<Record<string, string | undefined>>;

  /** @internal */
  constructor(fields: TokenFields) {
    this.#accessToken = fields.accessToken;
    this.#authorization = fields.authorization;
    this.#headers = fields.headersError
      ? toError(fields.headersError)
      : Object.freeze(fields.headers ?? { Authorization: fields.authorization });
    this.tokenType = fields.tokenType;
    this.#expiresAtMs = fields.expiresAtMs ?? null;
    this.scope = fields.scope ?? null;
    this.source = fields.source as Source;
    this.extra = Object.freeze(fields.extra);
    Object.freeze(this);
  }

  /** The access token string. It is a secret: don't log it. */
  get accessToken(): string {
    return this.#accessToken;
  }

  /**
   * The value of the HTTP `Authorization` header, nearly always `Bearer ...` (RFC 6750). It is a
   * secret.
   */
  get authorization(): string {
    return this.#authorization;
  }

  /**
   * All headers that an API request needs to carry the token. They are secrets. That is
   * `Authorization`, unless the vendor's profile names another header, or further headers beside it,
   * such as a tenant's ID.
   *
   * Throws a `CountersignError` if a header needs a value that the token doesn't have. Its `hint` says
   * what to do.
   */
  get headers(): Readonly<Record<string, string>> {
    if (this.#headers instanceof Error) throw this.#headers;
    return this.#headers;
  }

  /** When the token expires. null if the vendor doesn't say. */
  get expiresAt(): Date | null {
    return this.#expiresAtMs === null ? null : new Date(this.#expiresAtMs);
  }

  toString(): string {
    const { expiresAt } = this;
    return `Token(${this.source}, ${expiresAt ? `expires at ${expiresAt.toISOString()}` : 'no expiry'})`;
  }

  toJSON(): object {
    const { tokenType, expiresAt, scope, source, extra } = this;
    return { tokenType, expiresAt, scope, source, extra };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
