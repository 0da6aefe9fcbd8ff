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

// Settings are the settings of a connection, by the keys that are the same in every language, such as "client_id";
// values are text. A secret K may be given as K_file (a path) or K_env (a variable's name). [KnownSettings] lists them.
type Settings map[string]string

// Option is something that [New] and [Load] take.
type Option func(*config)

// WithName names the connection for [New]: the name is in messages, and tells whose the tokens in a store are. It is
// needed if the store outlives the process.
func WithName(name string) Option {
	return func(c *config) { c.name = name }
}

// WithFile is the file for [Load] to read, instead of the one that the countersign command would find.
func WithFile(path string) Option {
	return func(c *config) { c.path = path }
}

// WithSettings puts settings over those of the file, or over those of an earlier option.
func WithSettings(settings Settings) Option {
	settings = maps.Clone(settings)
	return func(c *config) { c.changes = append(c.changes, change{set: settings}) }
}

// WithoutSetting takes away a setting that the file or an earlier option has, such as private_key beside
// [WithSigner]. The key of a secret K takes away whichever of K, K_file and K_env was given.
func WithoutSetting(key string) Option {
	return func(c *config) { c.changes = append(c.changes, change{unset: &key}) }
}

// WithRegistry brings providers besides the built-in ones.
func WithRegistry(registry *Registry) Option {
	return func(c *config) { c.registry = registry }
}

// WithSigner signs assertions by a function instead of the setting private_key: for keys that stay in an HSM or a KMS.
//
// The function gets the whole message, not its hash, and gives the signature as RFC 7518 has it, or ECDSA in DER, of at
// most 1024 bytes. It may be called by several goroutines at once, and must not call the client. Its error is in the
// chain of the error that the caller gets.
//
// The algorithm is such as "RS256"; the key id, the `kid` of assertions, may be empty.
func WithSigner(algorithm, keyID string, sign func(message []byte) ([]byte, error)) Option {
	return func(c *config) { c.signer = &signer{algorithm: algorithm, keyID: keyID, sign: sign} }
}

// WithClock reads the time from a function instead of the machine's clocks: for tests. It gives the wall clock, and
// how long the machine has been running, which never goes back. It is called often, by several goroutines at once and
// while a lock is held: it must be quick, and must not call the client.
func WithClock(read func() (wall time.Time, sinceBoot time.Duration)) Option {
	return func(c *config) { c.clock = read }
}

// WithLogger hands every line of the library's log to a logger, at the levels that it wants. Without one nothing is
// logged anywhere. No secret is in a line. The handler must not call the client.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithListener hands every change of the token to a function, after the change is as durable as the store promises and
// before any caller gets the token. The token is nil with [ChangeForgotten]. One change of a client comes after
// another. The function must not call the client; it may start a goroutine that does. A listener that refers to the
// client keeps it from being closed by the garbage collector.
func WithListener(hear func(change Change, token *Token)) Option {
	return func(c *config) { c.listener = hear }
}

// KnownSetting is a setting that there is.
type KnownSetting struct {
	Name   string `json:"name"`
	Secret bool   `json:"secret"`
	About  string `json:"about"`
}

// KnownSettings are all settings there are, for completion and help. Vendors have more, written extra.NAME: see
// [Registry.Providers].
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

// config is what the options gather.
type config struct {
	name, path string
	changes    []change
	registry   *Registry
	signer     *signer
	clock      func() (time.Time, time.Duration)
	logger     *slog.Logger
	listener   func(Change, *Token)
}

// change is one of those that are made to the settings, in their order: some are set, or one is taken away.
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

// made is the config as the library has it, and for the caller to free.
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
	// In a fixed order, so that of two mistakes the same one is told each time.
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

// giveCallbacks hands over what the host brings. Each handle ends when the library calls destroy, which it does
// whatever happens.
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
		most := mostWanted(c.logger)
		status := C.countersign_go_set_log(made, most, kept(c.logger), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	if c.listener != nil {
		heard := &listener{hear: c.listener, logger: c.logger}
		status := C.countersign_go_set_listener(made, kept(heard), &reported)
		if err := failure(status, reported); err != nil {
			return err
		}
	}
	return nil
}

// kept is a Go value as the user_data of a callback.
func kept(value any) C.uintptr_t {
	return C.uintptr_t(cgo.NewHandle(value))
}
