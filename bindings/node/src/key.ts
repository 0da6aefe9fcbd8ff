// Keys: reading, signing, verifying and describing them.

import { addon } from './addon.js';
import { hold, type Signer } from './callbacks.js';
import { checked, toError } from './error.js';
import { Handle } from './handle.js';
import { type CallOptions, host, run } from './host.js';
import type { NativeKey, Outcome } from './native.js';

/** Options of {@link Key.sign}. */
export interface SignOptions extends CallOptions {
  /** A JWS algorithm such as `RS256`. Defaults to the key's default algorithm. */
  algorithm?: string;
  /** The header's `kid`. Defaults to the key's own id, if it has one. */
  keyId?: string;
  /** The header's `typ`, such as `JWT`. Defaults to none. */
  type?: string;
}

/** Options of {@link Key.signBytes} and {@link Key.verify}. */
export interface AlgorithmOptions extends CallOptions {
  /** A JWS algorithm such as `RS256`. Defaults to the key's default algorithm. */
  algorithm?: string;
}

/** Describes a key. It contains no secret. */
export interface KeyInfo {
  kind: 'private' | 'public' | 'certificate';
  /** The JWK key type. */
  type: 'RSA' | 'EC' | 'OKP' | 'oct';
  /** The length of the modulus, of the curve's field or of the secret. */
  bits: number;
  /** The JWK name of the curve. */
  curve: string | null;
  /** The format that the key was read from. */
  format: string;
  /** How the key was encrypted. */
  encryption: string | null;
  keyId: string | null;
  /** SHA-256 of the public key, in hex. */
  spkiSha256: string | null;
  /** SHA-256 of the public key, in Base64. */
  spkiSha256Base64: string | null;
  /** The JWK thumbprint (RFC 7638). */
  jwkThumbprint: string | null;
  /** The JWS algorithms that the key can be used with. */
  algorithms: string[];
  certificates: CertificateInfo[];
  /** The public key. */
  publicJwk: Record<string, string> | null;
}

/** Describes a certificate that belongs to a key. */
export interface CertificateInfo {
  /** SHA-1 of the certificate, in Base64url. */
  x5t: string;
  /** SHA-256 of the certificate, in Base64url. */
  x5tS256: string;
  notBefore: Date;
  notAfter: Date;
}

/**
 * A private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
 * immutable.
 */
export class Key {
  readonly #handle: Handle<NativeKey>;

  private constructor(native: NativeKey) {
    this.#handle = new Handle(this, native, 'key', (freed) => void freed.free());
  }

  /**
   * Reads a key in any supported format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK Set, a
   * certificate, Google's or Box's JSON. The passphrase is for encrypted keys.
   *
   * The error says what was found and how to convert it. It contains no part of the key.
   */
  static async read(
    data: string | Uint8Array,
    { passphrase, ...options }: CallOptions & { passphrase?: string } = {},
  ): Promise<Key> {
    const native = new addon.NativeKey(host);
    await run((call) => native.read(call, bytes(data), passphrase || undefined), nothing, options);
    return new Key(native);
  }

  /** Returns a key for HS256, HS384 and HS512 from a shared secret. */
  static fromSecret(secret: string | Uint8Array): Key {
    const native = new addon.NativeKey(host);
    native.setSecret(bytes(secret));
    return new Key(native);
  }

  /** Returns a key that stays in a device and signs with a callback. */
  static fromSigner(signer: Signer): Key {
    const native = new addon.NativeKey(host);
    const { algorithm, keyId } = signer;
    const callback = hold((input: Uint8Array) => signer.sign(input));
    const { error } = checked(() => native.setSigner({ callback, algorithm, keyId }));
    if (error) throw toError(error);
    return new Key(native);
  }

  /**
   * Signs claims and returns a compact JWS (RFC 7515 section 7.1). If the claims are a string, it
   * must be a JSON object, and is signed byte for byte.
   */
  async sign(claims: object | string, options: SignOptions = {}): Promise<string> {
    const json = typeof claims === 'string' ? claims : JSON.stringify(claims);
    const { algorithm, keyId, type } = options;
    const sign = (native: NativeKey, call: number) => native.sign(call, json, algorithm, keyId, type);
    return this.#run(sign, ({ text }) => text ?? '', options);
  }

  /** Signs bytes and returns the signature in the format of RFC 7518 section 3. */
  async signBytes(input: Uint8Array, options: AlgorithmOptions = {}): Promise<Uint8Array> {
    const sign = (native: NativeKey, call: number) => native.signBytes(call, bytes(input), options.algorithm);
    return this.#run(sign, payload, options);
  }

  /**
   * Verifies a compact JWS and returns its payload, byte for byte. It uses the given algorithm or
   * the key's, but never the token's (RFC 8725). It doesn't check times or the audience. Rejects
   * with a `VerificationError` if the signature is not valid.
   */
  async verify(token: string, options: AlgorithmOptions = {}): Promise<Uint8Array> {
    const verify = (native: NativeKey, call: number) => native.verify(call, token, options.algorithm);
    return this.#run(verify, payload, options);
  }

  /** Describes the key: type, size, fingerprints, algorithms, public JWK. */
  async info(options: CallOptions = {}): Promise<KeyInfo> {
    return this.#run((native, call) => native.info(call), keyInfo, options);
  }

  /** Wipes the key when no call uses it any more. */
  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(
    begin: (native: NativeKey, call: number) => void,
    read: (outcome: Outcome) => T,
    options: CallOptions,
  ): Promise<T> {
    return this.#handle.use((native) => run((call) => begin(native, call), read, options));
  }
}

function bytes(data: string | Uint8Array): Buffer {
  return typeof data === 'string'
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.length);
}

function nothing(): void {}

function payload({ bytes }: Outcome): Uint8Array {
  return bytes ?? new Uint8Array();
}

function keyInfo({ text }: Outcome): KeyInfo {
  const json = JSON.parse(text ?? '{}');
  const date = (seconds: number) => new Date(seconds * 1000);
  return {
    kind: json.kind,
    type: json.type,
    bits: json.bits,
    curve: json.curve,
    format: json.format,
    encryption: json.encryption,
    keyId: json.key_id,
    spkiSha256: json.spki_sha256,
    spkiSha256Base64: json.spki_sha256_base64,
    jwkThumbprint: json.jwk_thumbprint,
    algorithms: json.algorithms,
    publicJwk: json.public_jwk,
    certificates: json.certificates.map((one: Record<string, unknown>) => ({
      x5t: one.x5t as string,
      x5tS256: one['x5t#S256'] as string,
      notBefore: date(one.not_before as number),
      notAfter: date(one.not_after as number),
    })),
  };
}
