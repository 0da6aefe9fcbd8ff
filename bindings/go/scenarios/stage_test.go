package scenarios

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"sync/atomic"
	"time"

	countersign "github.com/countersign/countersign-go"

	"github.com/countersign/countersign-go/internal/sandbox"
)

// stage is the state that the steps of a scenario share.
type stage struct {
	sandbox *sandbox.Sandbox
	script  *scenario
	client  *countersign.Client
	// The named tokens.
	tokens map[string]*countersign.Token
	clock  movable
	heard  changes
}

// movable is a clock that the step `advance` moves.
type movable struct {
	offset atomic.Int64
}

var started = time.Now()

func (m *movable) read() (time.Time, time.Duration) {
	offset := time.Duration(m.offset.Load())
	return time.Now().Add(offset), time.Hour + time.Since(started) + offset
}

// changes counts the listener's calls.
type changes struct {
	obtained, rotated, forgotten atomic.Int64
}

func (c *changes) hear(change countersign.Change, token *countersign.Token) {
	if (token == nil) != (change == countersign.ChangeForgotten) {
		return
	}
	switch change {
	case countersign.ChangeObtained:
		c.obtained.Add(1)
	case countersign.ChangeRotated:
		c.obtained.Add(1)
		c.rotated.Add(1)
	case countersign.ChangeForgotten:
		c.forgotten.Add(1)
	}
}

func newStage(emulator *sandbox.Sandbox, script *scenario) (*stage, error) {
	return &stage{
		sandbox: emulator,
		script:  script,
		tokens:  map[string]*countersign.Token{},
	}, nil
}

// open builds the scenario's client. Each call builds another one with the same settings and
// callbacks.
func (s *stage) open() (*countersign.Client, error) {
	settings := countersign.Settings{"store": "memory"}
	options := []countersign.Option{countersign.WithFile(s.sandbox.Connections)}
	for key, value := range s.script.Settings {
		if value == nil {
			options = append(options, countersign.WithoutSetting(key))
		} else {
			settings[key] = *value
		}
	}
	if s.script.Clock {
		options = append(options, countersign.WithClock(s.clock.read))
	}
	if s.script.Listener {
		options = append(options, countersign.WithListener(s.heard.hear))
	}
	if s.script.Plugin != "" {
		registry, err := countersign.NewRegistry()
		if err != nil {
			return nil, err
		}
		// Clients keep working without their registry.
		defer func() { _ = registry.Close() }()
		if err := registry.LoadPlugin(s.script.Plugin, ""); err != nil {
			return nil, err
		}
		options = append(options, countersign.WithRegistry(registry))
	}
	if s.script.Signer != noSigner {
		whole, err := s.sandbox.Settings(s.script.Connection)
		if err != nil {
			return nil, err
		}
		sign, err := s.signer(whole["private_key_file"])
		if err != nil {
			return nil, err
		}
		options = append(options, countersign.WithSigner("RS256", whole["key_id"], sign))
	}
	return countersign.Load(s.script.Connection, append(options, countersign.WithSettings(settings))...)
}

var errDevice = errors.New("the device is not there")

func (s *stage) signer(path string) (func([]byte) ([]byte, error), error) {
	if s.script.Signer == fails {
		return func([]byte) ([]byte, error) { return nil, errDevice }, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New(path + " is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key = parsed.(*rsa.PrivateKey)
	}
	return func(message []byte) ([]byte, error) {
		hash := sha256.Sum256(message)
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	}, nil
}
