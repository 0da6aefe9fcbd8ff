// An access token and its members.

import { inspect } from 'node:util';

import { token as c, type Pointer } from './functions.js';
import { SOURCES, type Source } from './numbers.js';

/** An access token. It is immutable, and printing it shows no secret. */
export class Token {
  readonly #accessToken: string;
  readonly #authorization: string;
  /** The token type as the vendor sent it, nearly always `Bearer`. */
  readonly tokenType: string;
  /** When the token expires, in seconds since 1970-01-01 UTC. null if the vendor doesn't say. */
  readonly expiresAt: number | null;
  /** The granted scopes, separated by spaces. null if the vendor doesn't say. */
  readonly scope: string | null;
  /** Where this call got the token from. */
  readonly source: Source;
  /** The vendor's additional members, such as `instance_url`. */
  readonly extra: Readonly<Record<string, string>>;

  /** @internal */
  constructor(fields: Fields) {
    this.#accessToken = fields.accessToken;
    this.#authorization = fields.authorization;
    this.tokenType = fields.tokenType;
    this.expiresAt = fields.expiresAt;
    this.scope = fields.scope;
    this.source = fields.source;
    this.extra = fields.extra;
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

  toString(): string {
    return `Token(${this.source}, ${this.expiresAt === null ? 'no expiry' : `expires at ${this.expiresAt}`})`;
  }

  toJSON(): object {
    const { tokenType, expiresAt, scope, source, extra } = this;
    return { tokenType, expiresAt, scope, source, extra };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

interface Fields {
  accessToken: string;
  authorization: string;
  tokenType: string;
  expiresAt: number | null;
  scope: string | null;
  source: Source;
  extra: Readonly<Record<string, string>>;
}

/**
 * Returns the token of a handle and frees the handle. Returns `last` if that is the same cached
 * token.
 */
export function takeToken(pointer: Pointer, last?: Token): Token {
  try {
    if (last?.source === 'cache' && c.value(pointer, null) === last.accessToken) return last;
    return copyToken(pointer);
  } finally {
    c.free(pointer);
  }
}

/** Copies the token of a borrowed handle. */
export function copyToken(pointer: Pointer): Token {
  const expiresAt = Number(c.expiresAt(pointer));
  return new Token({
    accessToken: c.value(pointer, null),
    authorization: c.authorization(pointer, null),
    tokenType: c.type(pointer, null),
    expiresAt: expiresAt < 0 ? null : expiresAt,
    scope: c.scope(pointer, null),
    source: SOURCES[c.source(pointer)] ?? 'cache',
    extra: Object.freeze(JSON.parse(c.extraJson(pointer, null) ?? '{}')),
  });
}
