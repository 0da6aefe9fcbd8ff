package countersign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func keyOf(t *testing.T, key any) *Key {
	t.Helper()
	read, err := ReadKey(pemOf(t, key), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() })
	return read
}

func TestSignsAndVerifies(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := []byte(`{"iss":"somebody","exp":1}`)
	for algorithm, made := range map[string]any{"RS256": rsaKey, "PS384": rsaKey, "ES256": ecKey, "EdDSA": edKey} {
		key := keyOf(t, made)
		token, err := key.Sign(claims, SignOptions{Algorithm: algorithm, KeyID: "k1", Type: "JWT"})
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		payload, err := key.Verify(algorithm, token)
		if err != nil || string(payload) != string(claims) {
			t.Errorf("%s: %q, %v", algorithm, payload, err)
		}
		head, tail := token[:len(token)-10], token[len(token)-10:]
		_, err = key.Verify(algorithm, head+strings.Map(otherLetter, tail))
		if !errors.Is(err, ErrVerification) || errors.Is(err, ErrFixConfiguration) || errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", algorithm, err)
		}
		if signature, err := key.SignBytes(algorithm, []byte("x")); err != nil || len(signature) < 64 {
			t.Errorf("%s: %d bytes, %v", algorithm, len(signature), err)
		}
	}
}

func otherLetter(letter rune) rune {
	if letter == 'A' {
		return 'B'
	}
	return 'A'
}

func TestKeyInfo(t *testing.T) {
	made, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	info, err := keyOf(t, made).Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Kind != KeyKindPrivate || info.Type != KeyTypeRSA || info.Bits != 3072 || len(info.Algorithms) != 6 ||
		len(info.SPKISHA256) != 64 || len(info.PublicJWK) == 0 {
		t.Errorf("%+v", info)
	}
}

func TestInvalidKey(t *testing.T) {
	for _, data := range [][]byte{nil, {}, []byte("hello")} {
		_, err := ReadKey(data, "")
		if failureOf(t, err).Verdict != VerdictFixConfiguration {
			t.Error(err)
		}
	}
}

func TestTheHintNamesASupportedKey(t *testing.T) {
	made, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ReadKey(pemOf(t, made), "")
	if failure := failureOf(t, err); failure.Kind != KindKey || !strings.Contains(failure.Hint, "P-256 or P-384") {
		t.Error(failure, failure.Hint)
	}
}

func TestKeyFromSigner(t *testing.T) {
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	inner := keyOf(t, made)
	asleep := false
	device, err := KeyFromSigner("RS256", "slot-3", func(message []byte) ([]byte, error) {
		if asleep {
			return nil, errDevice
		}
		return inner.SignBytes("RS256", message)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	token, err := device.Sign([]byte(`{}`), SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inner.Verify("RS256", token); err != nil {
		t.Error(err)
	}
	asleep = true
	if _, err := device.Sign([]byte(`{}`), SignOptions{}); !errors.Is(err, errDevice) {
		t.Error(err)
	}
	if _, err := KeyFromSigner("none", "", inner.signNothing); err == nil {
		t.Error("a device signs with `none`")
	}
}

func (k *Key) signNothing([]byte) ([]byte, error) { return nil, nil }
