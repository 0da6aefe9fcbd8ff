// A login that has begun (RFC 6749 section 4.1, with PKCE of RFC 7636).

import { callNow, takeText, textArgs } from './call.js';
import { login as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';

/** A login that has begun. Send the browser to its `url`; end it with {@link Client.completeLogin}. */
export class Login {
  readonly #handle: Handle;

  /** @internal */
  constructor(pointer: Pointer) {
    this.#handle = new Handle(this, pointer, 'login', c.free);
  }

  /** A login that {@link save} turned into text, here or in another process. */
  static restore(saved: string): Login {
    const out: Out = [null];
    callNow(c.restore, ...textArgs(saved), out);
    return new Login(out[0]);
  }

  /** Where to send the browser. */
  get url(): string {
    return c.url(this.#handle.open(), null);
  }

  /** The `state` parameter of the URL: tells which of several logins a callback belongs to. */
  get state(): string {
    return c.state(this.#handle.open(), null);
  }

  /** The login as text, for the session on the server's side: it holds the verifier. */
  save(): string {
    const out: Out = [null];
    callNow(c.save, this.#handle.open(), out);
    return takeText(out[0]);
  }

  /** @internal */
  use<T>(body: (pointer: Pointer) => Promise<T>): Promise<T> {
    return this.#handle.use(body);
  }

  /** Wipes it, when no call uses it any more. */
  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
