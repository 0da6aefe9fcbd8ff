// Keys: reading, signing, verifying and describing them.

import { call, callNow, takeBytes, takeText, textArgs } from './call.js';
import { Callback, type Signer, sign } from './callbacks.js';
import { key as c, type Out, type Pointer } from './functions.js';
import { Handle } from './handle.js';

/** Options of {@link Key.sign}. */
export interface SignOptions {
  /** A JWS algorithm such as `RS256`. Defaults to the key's default algorithm. */
  algorithm?: string;
  /** The header's `kid`. Defaults to the key's own id, if it has one. */
  keyId?: string;
  /** The header's `typ`, such as `JWT`. Defaults to none. */
  type?: string;
}

/** Describes a key. */
export type KeyInfo = Record<string, unknown>;

/**
 * A private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
 * immutable.
 */
export class Key {
  readonly #handle: Handle;

  private constructor(pointer: Pointer, callbacks: Callback<unknown>[] = []) {
    this.#handle = new Handle(this, pointer, 'key', c.free, callbacks);
  }

  /**
   * Reads a key in any supported format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a
   * certificate, Google's or Box's JSON. The passphrase is for encrypted keys.
   *
   * The error says what was found and how to convert it. It contains no part of the key.
   */
  static async read(data: string | Uint8Array, passphrase = ''): Promise<Key> {
    const out: Out = [null];
    await call(c.read, ...textArgs(data), ...textArgs(passphrase), out);
    return new Key(out[0]);
  }

  /** Returns a key for HS256, HS384 and HS512 from a shared secret. */
  static fromSecret(secret: string | Uint8Array): Key {
    const out: Out = [null];
    callNow(c.fromSecret, ...textArgs(secret), out);
    return new Key(out[0]);
  }

  /** Returns a key that stays in a device and signs with a callback. */
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

  /**
   * Signs claims and returns a compact JWS (RFC 7515 section 7.1). If the claims are a string, it
   * must be a JSON object, and is signed byte for byte.
   */
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

  /** Signs bytes and returns the signature in the format of RFC 7518 section 3. */
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
   * Verifies a compact JWS and returns its payload, byte for byte. It uses the given algorithm or,
   * if that is empty, the key's, but never the token's (RFC 8725). It doesn't check times or the
   * audience.
   */
  async verify(token: string, algorithm = ''): Promise<Uint8Array> {
    const out: Out = [null];
    await this.#call(c.verify, ...textArgs(algorithm), ...textArgs(token), out);
    return takeBytes(out[0]);
  }

  /** Describes the key: type, size, fingerprints, algorithms, public JWK. */
  async info(): Promise<KeyInfo> {
    const out: Out = [null];
    await this.#call(c.info, out);
    return JSON.parse(takeText(out[0]));
  }

  /** Wipes the key when no call uses it any more. */
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
