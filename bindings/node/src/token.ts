// An access token, as the program sees it.

import { inspect } from 'node:util';

import { token as c, type Pointer } from './functions.js';
import { SOURCES, type Source } from './numbers.js';

/** An access token. Immutable; it stays what it is when the client gets another. Printing it shows no secret. */
export class Token {
  readonly #accessToken: string;
  readonly #authorization: string;
  /** How the token is presented, as the vendor writes it, nearly always `Bearer`. */
  readonly tokenType: string;
  /** When the token ends, in seconds since 1970-01-01 UTC; null where the vendor does not say. */
  readonly expiresAt: number | null;
  /** The scopes granted, separated by spaces; null where the vendor does not say. */
  readonly scope: string | null;
  /** Where the token came from this time. */
  readonly source: Source;
  /** What the vendor adds to the token, by name, such as `instance_url`. */
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

  /** The bare access token. A secret: do not log it. */
  get accessToken(): string {
    return this.#accessToken;
  }

  /** The value for an HTTP `Authorization` header, nearly always `Bearer ...` (RFC 6750). A secret. */
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

/** The token of a handle, which is freed; `last` again, where that is this token as it is in memory. */
export function takeToken(pointer: Pointer, last?: Token): Token {
  try {
    if (last?.source === 'cache' && c.value(pointer, null) === last.accessToken) return last;
    return copyToken(pointer);
  } finally {
    c.free(pointer);
  }
}

/** The token of a handle that is only lent. */
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
