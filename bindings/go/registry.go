package countersign

// #include "bridge.h"
import "C"

import (
	"log/slog"
	"runtime"
	"sync"
	"unsafe"
)

// Registry holds the providers that clients can use: the built-in ones, and those that the program
// adds.
type Registry struct {
	handle *handle
	// The library requires exclusive access to change a registry.
	changing sync.RWMutex
}

// Provider describes a provider.
type Provider struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Documentation string   `json:"documentation"`
	Environments  []string `json:"environments"`
	// Grants are the grant types that the provider supports.
	Grants []GrantType `json:"grants"`
	// Extra maps this vendor's additional settings, extra.NAME, to their descriptions.
	Extra map[string]string `json:"extra"`
}

// GrantType is how a token is requested: a value of the setting "grant".
type GrantType string

// The grant types.
const (
	// GrantJWTBearer: a signed assertion (RFC 7523 section 2.1).
	GrantJWTBearer GrantType = "jwt-bearer"
	// GrantAuthorizationCode: a person's login in a browser (RFC 6749 section 4.1), with PKCE (RFC
	// 7636).
	GrantAuthorizationCode GrantType = "authorization-code"
	// GrantDeviceCode: a person's login on another device (RFC 8628).
	GrantDeviceCode GrantType = "device-code"
	// GrantRefreshToken: a refresh token obtained elsewhere (RFC 6749 section 6).
	GrantRefreshToken GrantType = "refresh-token"
	// GrantClientCredentials: the app's own credentials (RFC 6749 section 4.4).
	GrantClientCredentials GrantType = "client-credentials"
)

// NewRegistry returns a registry with the built-in providers.
func NewRegistry() (*Registry, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	var pointer *C.csign_registry
	var reported *C.csign_error
	if err := failure(C.csign_registry_new(&pointer, &reported), reported); err != nil {
		return nil, err
	}
	registry := &Registry{}
	registry.handle = owned(registry, &handle{
		what:    "registry",
		pointer: unsafe.Pointer(pointer),
		free:    func(p unsafe.Pointer) { C.csign_registry_free((*C.csign_registry)(p)) },
	})
	return registry, nil
}

// AddProfile adds a provider that a profile in TOML describes. The error names the line or the
// field.
func (r *Registry) AddProfile(toml string) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		text, length := cText(toml)
		return C.csign_registry_add_profile(registry, text, length, reported)
	})
}

// LoadPlugin loads a plugin from its absolute path and adds its providers. A plugin is native code
// that runs with the full rights of the process, and is never unloaded. If sha256 is not empty, the
// file must have this digest, in hex.
func (r *Registry) LoadPlugin(path, sha256 string) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		cPath, pathLength := cText(path)
		digest, digestLength := cText(sha256)
		return C.csign_registry_load_plugin(registry, cPath, pathLength, digest, digestLength, reported)
	})
}

// SetLogger sets the logger for plugins that are loaded after this call. Without a logger, their
// messages are discarded. A loaded plugin keeps its logger until the process ends.
func (r *Registry) SetLogger(logger *slog.Logger) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		return C.countersign_go_registry_set_log(registry, kept(&logging{logger: logger}), reported)
	})
}

// Providers returns the registry's providers.
func (r *Registry) Providers() ([]Provider, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	var text *C.csign_text
	var reported *C.csign_error
	if err := failure(C.csign_registry_providers(r.pointer(), &text, &reported), reported); err != nil {
		return nil, err
	}
	return parsed[[]Provider](taken(text))
}

// Close frees the registry. Its clients keep working. The garbage collector also frees it.
func (r *Registry) Close() error {
	r.handle.close()
	runtime.KeepAlive(r)
	return nil
}

func (r *Registry) change(call func(*C.csign_registry, **C.csign_error) C.csign_status) error {
	if err := r.handle.enter(); err != nil {
		return err
	}
	r.changing.Lock()
	defer func() {
		r.changing.Unlock()
		r.handle.leave()
		runtime.KeepAlive(r)
	}()
	var reported *C.csign_error
	return failure(call(r.pointer(), &reported), reported)
}

func (r *Registry) pointer() *C.csign_registry {
	return (*C.csign_registry)(r.handle.pointer)
}

// enter begins a call that reads the registry.
func (r *Registry) enter() error {
	if err := r.handle.enter(); err != nil {
		return err
	}
	r.changing.RLock()
	return nil
}

func (r *Registry) leave() {
	r.changing.RUnlock()
	r.handle.leave()
	runtime.KeepAlive(r)
}
