// A started login (RFC 6749 section 4.1, with PKCE).

import { inspect } from 'node:util';

import { addon } from './addon.js';
import { toError } from './error.js';
import type { LoginFields } from './native.js';

/**
 * A started login. Redirect the browser to its `url`, and complete it with
 * {@link Client.completeLogin}.
 */
export class Login {
  /** The URL to redirect the browser to. */
  readonly url: string;
  /** The `state` parameter of the URL, which identifies the login that a callback belongs to. */
  readonly state: string;
  readonly #saved: string;

  /** @internal */
  constructor({ url, state, saved }: LoginFields) {
    this.url = url;
    this.state = state;
    this.#saved = saved;
    Object.freeze(this);
  }

  /** Restores a login that {@link save} saved, in this process or another one. */
  static restore(saved: string): Login {
    const { error, login } = addon.restoreLogin(saved);
    if (error || !login) throw toError(error as NonNullable<typeof error>);
    return new Login(login);
  }

  /**
   * Returns the login as a string, for a web server whose callback may reach another process. Keep
   * it in the server-side session: it contains the PKCE verifier.
   */
  save(): string {
    return this.#saved;
  }

  [inspect.custom](): string {
    return `Login(${new URL(this.url).origin})`;
  }

  toJSON(): object {
    return {};
  }
}
