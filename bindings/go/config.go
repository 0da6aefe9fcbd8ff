package countersign

// #include "bridge.h"
import "C"

import (
	"log/slog"
	"maps"
	"runtime"
	"runtime/cgo"
	"slices"
	"time"
)

// Settings are the settings of a connection, such as "client_id". The names are the same in every
// language, and all values are strings. A secret K can also be set as K_file (a path) or K_env (the
// name of an environment variable). [KnownSettings] lists all settings.
type Settings map[string]string

// Option is an option of [New] and [Load].
type Option func(*config)

// WithName sets the connection's name for [New]. The name appears in messages and identifies the
// connection's tokens in a store. It is required if the store outlives the process.
func WithName(name string) Option {
	return func(c *config) { c.name = name }
}

// WithFile sets the file that [Load] reads. It defaults to the one that the countersign command
// reads.
func WithFile(path string) Option {
	return func(c *config) { c.path = path }
}

// WithSettings overrides settings of the file or of an earlier option.
func WithSettings(settings Settings) Option {
	settings = maps.Clone(settings)
	return func(c *config) { c.changes = append(c.changes, change{set: settings}) }
}

// WithoutSetting removes a setting of the file or of an earlier option, such as private_key if you
// use [WithSigner]. For a secret K, it removes K, K_file and K_env.
func WithoutSetting(key string) Option {
	return func(c *config) { c.changes = append(c.changes, change{unset: &key}) }
}

// WithRegistry sets the registry of providers. It defaults to the built-in providers.
func WithRegistry(registry *Registry) Option {
	return func(c *config) { c.registry = registry }
}

// WithSigner sets a function that signs assertions instead of the setting private_key, for keys
// that stay in an HSM or a KMS.
//
// The function receives the message, not its hash, and returns the signature of at most 1024 bytes,
// in the format of RFC 7518, or in DER for ECDSA. Several goroutines may call it at the same time.
// It must not call the client. The caller's error wraps its error.
//
// The algorithm is a JWS algorithm such as "RS256". The key id becomes the `kid` of assertions and
// may be empty.
func WithSigner(algorithm, keyID string, sign func(message []byte) ([]byte, error)) Option {
	return func(c *config) { c.signer = &signer{algorithm: algorithm, keyID: keyID, sign: sign} }
}

// WithClock sets a function that replaces the system's clocks, for tests. It returns the wall clock
// time, and the time since boot, which never decreases. It is called often, by several goroutines
// at the same time and while a lock is held, so it must be fast. It must not call the client.
func WithClock(read func() (wall time.Time, sinceBoot time.Duration)) Option {
	return func(c *config) { c.clock = read }
}

// WithLogger sets the logger for the library's log. Without a logger, nothing is logged. The log
// contains no secrets.
//
// The logger is asked for each line whether its level is enabled. The handler gets the context of
// the call that started the request: of the oldest one, if several wait. It must not call the
// client.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger, c.callers = logger, &callers{} }
}

// WithListener sets a function that is called for each change of the token, after the change is
// stored and before any caller gets the token. The token is nil for [ChangeForgotten]. A client's
// changes are reported one after another. The function must not call the client, but it may start a
// goroutine that does. If it refers to the client, the garbage collector can't close the client.
func WithListener(listen func(change Change, token *Token)) Option {
	return func(c *config) { c.listener = listen }
}

// KnownSetting describes a setting.
type KnownSetting struct {
	Name   string `json:"name"`
	Secret bool   `json:"secret"`
	About  string `json:"about"`
}

// KnownSettings returns all settings, for completion and help. Vendors have additional settings,
// extra.NAME: see [Registry.Providers].
func KnownSettings() ([]KnownSetting, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var text *C.csign_text
	var reported *C.csign_error
	if err := failure(C.csign_settings(&text, &reported), reported); err != nil {
		return nil, err
	}
	return parsed[[]KnownSetting](taken(text))
}

// config collects the options.
type config struct {
	name, path string
	changes    []change
	registry   *Registry
	signer     *signer
	clock      func() (time.Time, time.Duration)
	logger     *slog.Logger
	callers    *callers
	listener   func(Change, *Token)
}

// change sets some settings or removes one. Changes apply in order.
type change struct {
	set   Settings
	unset *string
}

func gather(settings Settings, options []Option) *config {
	gathered := &config{}
	WithSettings(settings)(gathered)
	for _, option := range options {
		option(gathered)
	}
	return gathered
}

// made builds the library's config, which the caller must free.
func (c *config) made(load bool) (*C.csign_config, error) {
	var made *C.csign_config
	var reported *C.csign_error
	if err := failure(C.csign_config_new(&made, &reported), reported); err != nil {
		return nil, err
	}
	if err := c.fill(made, load); err != nil {
		C.csign_config_free(made)
		return nil, err
	}
	return made, nil
}

func (c *config) fill(made *C.csign_config, load bool) error {
	var reported *C.csign_error
	name, nameLength := cText(c.name)
	if load {
		path, pathLength := cText(c.path)
		status := C.csign_config_load(made, path, pathLength, name, nameLength, &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	} else if c.name != "" {
		status := C.csign_config_set_name(made, name, nameLength, &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	for _, change := range c.changes {
		if err := change.make(made); err != nil {
			return err
		}
	}
	runtime.KeepAlive(c)
	return c.giveCallbacks(made)
}

func (c change) make(made *C.csign_config) error {
	var reported *C.csign_error
	if c.unset != nil {
		key, keyLength := cText(*c.unset)
		return failure(C.csign_config_unset(made, key, keyLength, &reported), reported)
	}
	// Sorted, so that the same error is reported each time if there are several.
	for _, key := range slices.Sorted(maps.Keys(c.set)) {
		cKey, keyLength := cText(key)
		value, valueLength := cText(c.set[key])
		status := C.csign_config_set(made, cKey, keyLength, value, valueLength, &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	return nil
}

// giveCallbacks passes the callbacks to the library. The library always calls destroy, which
// deletes the handle.
func (c *config) giveCallbacks(made *C.csign_config) error {
	var reported *C.csign_error
	if c.signer != nil {
		algorithm, algorithmLength := cText(c.signer.algorithm)
		keyID, keyIDLength := cText(c.signer.keyID)
		status := C.countersign_go_set_signer(made, algorithm, algorithmLength, keyID, keyIDLength,
			kept(c.signer), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	if c.clock != nil {
		status := C.countersign_go_set_clock(made, kept(clock(c.clock)), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	if c.logger != nil {
		status := C.countersign_go_set_log(made, kept(&logging{c.logger, c.callers}), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	if c.listener != nil {
		listening := &listener{call: c.listener, logger: c.logger}
		status := C.countersign_go_set_listener(made, kept(listening), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	return nil
}

// kept turns a Go value into the user_data of a callback.
func kept(value any) C.uintptr_t {
	return C.uintptr_t(cgo.NewHandle(value))
}
