// A started login (RFC 6749 section 4.1, with PKCE).

import { callNow, takeText, textArgs } from './call.js';
import { login as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';

/**
 * A started login. Redirect the browser to its `url`, and complete it with
 * {@link Client.completeLogin}.
 */
export class Login {
  readonly #handle: Handle;

  /** @internal */
  constructor(pointer: Pointer) {
    this.#handle = new Handle(this, pointer, 'login', c.free);
  }

  /** Restores a login that {@link save} saved, in this process or another one. */
  static restore(saved: string): Login {
    const out: Out = [null];
    callNow(c.restore, ...textArgs(saved), out);
    return new Login(out[0]);
  }

  /** The URL to redirect the browser to. */
  get url(): string {
    return c.url(this.#handle.open(), null);
  }

  /** The `state` parameter of the URL, which identifies the login that a callback belongs to. */
  get state(): string {
    return c.state(this.#handle.open(), null);
  }

  /**
   * Returns the login as a string, for a web server whose callback may reach another process. Keep
   * it in the server-side session: it contains the PKCE verifier.
   */
  save(): string {
    const out: Out = [null];
    callNow(c.save, this.#handle.open(), out);
    return takeText(out[0]);
  }

  /** @internal */
  use<T>(body: (pointer: Pointer) => Promise<T>): Promise<T> {
    return this.#handle.use(body);
  }

  /** Wipes the login when no call uses it any more. */
  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
