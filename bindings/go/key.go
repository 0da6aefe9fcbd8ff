package countersign

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"runtime"
	"time"
	"unsafe"
)

// Key is a private or public key, a certificate, a JWK Set, or a key that stays in a device. It is
// immutable, and any number of goroutines may use it.
type Key struct {
	handle *handle
}

// ReadKey reads a key in any supported format: PEM, DER, PKCS#8, PKCS#1, SEC1, PKCS#12, JWK, JWK
// Set, a certificate, Google's or Box's JSON. The passphrase is for encrypted keys; otherwise it is
// empty.
//
// The error says what was found and how to convert it. It contains no part of the key.
func ReadKey(data []byte, passphrase string) (*Key, error) {
	bytes, length := cBytes(data)
	phrase, phraseLength := cText(passphrase)
	return makeKey(func(key **C.csign_key, reported **C.csign_error) C.csign_status {
		return C.csign_key_read(bytes, length, phrase, phraseLength, key, reported)
	})
}

// KeyFromSecret returns a key for HS256, HS384 and HS512 from a shared secret.
func KeyFromSecret(secret []byte) (*Key, error) {
	bytes, length := cBytes(secret)
	return makeKey(func(key **C.csign_key, reported **C.csign_error) C.csign_status {
		return C.csign_key_from_secret(bytes, length, key, reported)
	})
}

// KeyFromSigner returns a key that stays in a device and signs with a function: see [WithSigner].
func KeyFromSigner(algorithm, keyID string, sign func(message []byte) ([]byte, error)) (*Key, error) {
	signing := &signer{algorithm: algorithm, keyID: keyID, sign: sign}
	cAlgorithm, algorithmLength := cText(algorithm)
	cKeyID, keyIDLength := cText(keyID)
	return makeKey(func(key **C.csign_key, reported **C.csign_error) C.csign_status {
		return C.countersign_go_key_from_signer(cAlgorithm, algorithmLength, cKeyID, keyIDLength,
			kept(signing), key, reported)
	})
}

// SignOptions are the options of [Key.Sign]. All are optional.
type SignOptions struct {
	// Algorithm is a JWS algorithm such as "RS256". It defaults to the key's default algorithm.
	Algorithm string
	// KeyID is the header's `kid`. It defaults to the key's own id, if it has one.
	KeyID string
	// Type is the header's `typ`, such as "JWT". It defaults to none.
	Type string
}

// Sign signs claims, a JSON object, byte for byte, and returns a compact JWS (RFC 7515 section
// 7.1).
func (k *Key) Sign(claims []byte, options SignOptions) (string, error) {
	if err := k.handle.enter(); err != nil {
		return "", err
	}
	defer k.leave()
	algorithm, algorithmLength := cText(options.Algorithm)
	keyID, keyIDLength := cText(options.KeyID)
	typ, typLength := cText(options.Type)
	payload, payloadLength := cBytes(claims)
	var token *C.csign_text
	var reported *C.csign_error
	status := C.csign_key_sign(k.pointer(), algorithm, algorithmLength, keyID, keyIDLength, typ, typLength,
		(*C.char)(unsafe.Pointer(payload)), payloadLength, &token, &reported)
	if err := failure(status, reported); err != nil {
		return "", err
	}
	return taken(token), nil
}

// SignBytes signs bytes and returns the signature in the format of RFC 7518 section 3. The
// algorithm may be empty: it defaults to the key's default algorithm.
func (k *Key) SignBytes(algorithm string, message []byte) ([]byte, error) {
	if err := k.handle.enter(); err != nil {
		return nil, err
	}
	defer k.leave()
	cAlgorithm, algorithmLength := cText(algorithm)
	input, inputLength := cBytes(message)
	// The header guarantees that this is enough.
	signature := make([]byte, 1024)
	room, capacity := cBytes(signature)
	var length C.size_t
	var reported *C.csign_error
	status := C.csign_key_sign_bytes(k.pointer(), cAlgorithm, algorithmLength, input, inputLength,
		room, capacity, &length, &reported)
	if err := failure(status, reported); err != nil {
		return nil, err
	}
	return signature[:length], nil
}

// Verify verifies a compact JWS and returns its payload. It uses the given algorithm or, if that is
// empty, the key's, but never the token's (RFC 8725). It doesn't check times or the audience.
func (k *Key) Verify(algorithm, token string) ([]byte, error) {
	if err := k.handle.enter(); err != nil {
		return nil, err
	}
	defer k.leave()
	cAlgorithm, algorithmLength := cText(algorithm)
	cToken, tokenLength := cText(token)
	var payload *C.csign_text
	var reported *C.csign_error
	status := C.csign_key_verify(k.pointer(), cAlgorithm, algorithmLength, cToken, tokenLength, &payload, &reported)
	if err := failure(status, reported); err != nil {
		return nil, err
	}
	return []byte(taken(payload)), nil
}

// KeyInfo describes a key, without the key.
type KeyInfo struct {
	Kind KeyKind `json:"kind"`
	Type KeyType `json:"type"`
	// Bits is the length of the modulus, of the curve's field or of the secret.
	Bits int `json:"bits"`
	// Curve is the name of the curve, such as "P-256", or empty.
	Curve string `json:"curve"`
	// Format is the format of the file, such as "PKCS#1 PEM".
	Format string `json:"format"`
	// Encryption is how the file was encrypted, or empty.
	Encryption string `json:"encryption"`
	// KeyID is the `kid` from the file, or empty.
	KeyID string `json:"key_id"`
	// SPKISHA256 is the SHA-256 digest of the public key's SubjectPublicKeyInfo, in hex. It is empty
	// for a shared secret.
	SPKISHA256 string `json:"spki_sha256"`
	// JWKThumbprint is the thumbprint of RFC 7638. It is empty for a shared secret.
	JWKThumbprint string `json:"jwk_thumbprint"`
	// Algorithms are those that the key can sign or verify with, the default first.
	Algorithms []string `json:"algorithms"`
	// PublicJWK is the public key as a JWK. It is empty for a shared secret.
	PublicJWK json.RawMessage `json:"public_jwk"`
	// Certificates are those in the file, the key's own first.
	Certificates []CertificateInfo `json:"certificates"`
}

// KeyKind is what a file contains.
type KeyKind string

// The kinds of keys.
const (
	KeyKindPrivate     KeyKind = "private"
	KeyKindPublic      KeyKind = "public"
	KeyKindCertificate KeyKind = "certificate"
)

// KeyType is a JWK key type (RFC 7518 section 6.1).
type KeyType string

// The types of keys.
const (
	KeyTypeRSA KeyType = "RSA"
	KeyTypeEC  KeyType = "EC"
	KeyTypeOKP KeyType = "OKP"
	KeyTypeOct KeyType = "oct"
)

// CertificateInfo describes a certificate.
type CertificateInfo struct {
	// X5T and X5TS256 are the SHA-1 and the SHA-256 thumbprint (RFC 7515 sections 4.1.7 and 4.1.8).
	X5T, X5TS256        string
	NotBefore, NotAfter time.Time
}

// UnmarshalJSON reads the library's form of a certificate.
func (c *CertificateInfo) UnmarshalJSON(text []byte) error {
	var read struct {
		X5T       string `json:"x5t"`
		X5TS256   string `json:"x5t#S256"`
		NotBefore int64  `json:"not_before"`
		NotAfter  int64  `json:"not_after"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*c = CertificateInfo{read.X5T, read.X5TS256, time.Unix(read.NotBefore, 0), time.Unix(read.NotAfter, 0)}
	return nil
}

// Info describes the key. It fails for a JWK Set and for a key in a device.
func (k *Key) Info() (KeyInfo, error) {
	if err := k.handle.enter(); err != nil {
		return KeyInfo{}, err
	}
	defer k.leave()
	var text *C.csign_text
	var reported *C.csign_error
	if err := failure(C.csign_key_info(k.pointer(), &text, &reported), reported); err != nil {
		return KeyInfo{}, err
	}
	return parsed[KeyInfo](taken(text))
}

// Close wipes the key. So does the garbage collector.
func (k *Key) Close() error {
	k.handle.close()
	runtime.KeepAlive(k)
	return nil
}

func makeKey(call func(**C.csign_key, **C.csign_error) C.csign_status) (*Key, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var pointer *C.csign_key
	var reported *C.csign_error
	if err := failure(call(&pointer, &reported), reported); err != nil {
		return nil, err
	}
	key := &Key{}
	key.handle = owned(key, &handle{
		what:    "key",
		pointer: unsafe.Pointer(pointer),
		free:    func(p unsafe.Pointer) { C.csign_key_free((*C.csign_key)(p)) },
	})
	return key, nil
}

func (k *Key) pointer() *C.csign_key {
	return (*C.csign_key)(k.handle.pointer)
}

func (k *Key) leave() {
	k.handle.leave()
	runtime.KeepAlive(k)
}
