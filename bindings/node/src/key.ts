// Keys: read whatever their format, sign and verify.

import { call, callNow, takeBytes, takeText, textArgs } from './call.js';
import { Callback, type Signer, sign } from './callbacks.js';
import { key as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';

/** How {@link Key.sign} signs. */
export interface SignOptions {
  /** Such as `RS256`; without it the key's usual one. */
  algorithm?: string;
  /** The header's `kid`; without it the one that came with the key, if any. */
  keyId?: string;
  /** The header's `typ`, such as `JWT`; without it none. */
  type?: string;
}

/** What a key is, without the key. */
export type KeyInfo = Record<string, unknown>;

/** A key: private, public, a certificate, a JWK Set, or one that stays in a device. */
export class Key {
  readonly #handle: Handle;

  private constructor(pointer: Pointer, callbacks: Callback<unknown>[] = []) {
    this.#handle = new Handle(this, pointer, 'key', c.free, callbacks);
  }

  /** Reads a key, whatever its format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a certificate. */
  static async read(data: string | Uint8Array, passphrase = ''): Promise<Key> {
    const out: Out = [null];
    await call(c.read, ...textArgs(data), ...textArgs(passphrase), out);
    return new Key(out[0]);
  }

  /** Takes a shared secret for HS256, HS384 and HS512. */
  static fromSecret(secret: string | Uint8Array): Key {
    const out: Out = [null];
    callNow(c.fromSecret, ...textArgs(secret), out);
    return new Key(out[0]);
  }

  /** Takes a key that stays in a device and signs by a callback. */
  static fromSigner(signer: Signer): Key {
    const out: Out = [null];
    const held = new Callback((input: Uint8Array) => signer.sign(input));
    const [algorithm, keyId] = [textArgs(signer.algorithm), textArgs(signer.keyId ?? '')];
    try {
      callNow(c.fromSigner, ...algorithm, ...keyId, sign, held.id, null, out);
    } catch (error) {
      held.forget();
      throw error;
    }
    return new Key(out[0], [held as Callback<unknown>]);
  }

  /** Signs claims as a compact JWS (RFC 7515 section 7.1); claims as text are signed as they are. */
  async sign(claims: object | string, options: SignOptions = {}): Promise<string> {
    const json = typeof claims === 'string' ? claims : JSON.stringify(claims);
    const { algorithm = '', keyId = '', type = '' } = options;
    const out: Out = [null];
    await this.#call(
      c.sign,
      ...textArgs(algorithm),
      ...textArgs(keyId),
      ...textArgs(type),
      ...textArgs(json),
      out,
    );
    return takeText(out[0]);
  }

  /** Signs bytes as they are: the signature alone, as RFC 7518 section 3 has it. */
  async signBytes(input: Uint8Array, algorithm = ''): Promise<Uint8Array> {
    const signature = new Uint8Array(1024);
    const length: [number] = [0];
    await this.#call(
      c.signBytes,
      ...textArgs(algorithm),
      ...textArgs(input),
      signature,
      signature.length,
      length,
    );
    return signature.slice(0, length[0]);
  }

  /**
   * Verifies a compact JWS and gives its payload, byte for byte. The algorithm is the one asked for or the key's own,
   * never the token's (RFC 8725); times and audience are not looked at.
   */
  async verify(token: string, algorithm = ''): Promise<Uint8Array> {
    const out: Out = [null];
    await this.#call(c.verify, ...textArgs(algorithm), ...textArgs(token), out);
    return takeBytes(out[0]);
  }

  /** What the key is, without the key: type, size, fingerprints, algorithms, public JWK. */
  async info(): Promise<KeyInfo> {
    const out: Out = [null];
    await this.#call(c.info, out);
    return JSON.parse(takeText(out[0]));
  }

  /** Wipes it, when no call uses it any more. */
  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call(fn: typeof c.info, ...args: Parameters<typeof call>[1][]): Promise<void> {
    return this.#handle.use((pointer) => call(fn, pointer, ...args));
  }
}
