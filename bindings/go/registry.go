package countersign

// #include "bridge.h"
import "C"

import (
	"log/slog"
	"runtime"
	"sync"
	"unsafe"
)

// Registry is the providers that clients may name: the built-in ones, and those that the program adds.
type Registry struct {
	handle *handle
	// The library wants a registry that is changed to itself.
	changing sync.RWMutex
}

// Provider is a provider that there is.
type Provider struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Documentation string   `json:"documentation"`
	Environments  []string `json:"environments"`
	Grants        []string `json:"grants"`
	// Extra are the settings of this vendor alone, written extra.NAME, and what each is for.
	Extra map[string]string `json:"extra"`
}

// NewRegistry makes a registry with the built-in providers.
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

// AddProfile adds a provider that is described as a profile, in TOML. The error names line or field.
func (r *Registry) AddProfile(toml string) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		text, length := cText(toml)
		return C.csign_registry_add_profile(registry, text, length, reported)
	})
}

// LoadPlugin loads a plugin by its absolute path and adds its providers. A plugin is native code that runs with all
// rights of this process: load none that you would not run. It is never unloaded. The SHA-256 is that of the file, in
// hex, to load no other; it may be empty.
func (r *Registry) LoadPlugin(path, sha256 string) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		cPath, pathLength := cText(path)
		digest, digestLength := cText(sha256)
		return C.csign_registry_load_plugin(registry, cPath, pathLength, digest, digestLength, reported)
	})
}

// SetLogger hands every line that plugins log to a logger, at the levels that it wants. It is for plugins loaded after
// this call; without it, what they log is dropped. Once a plugin is loaded, the logger stays until the process ends.
func (r *Registry) SetLogger(logger *slog.Logger) error {
	return r.change(func(registry *C.csign_registry, reported **C.csign_error) C.csign_status {
		most := mostWanted(logger)
		return C.countersign_go_registry_set_log(registry, most, kept(logger), reported)
	})
}

// Providers are the providers that there are.
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

// Close frees the registry. Clients made with it go on. The garbage collector does so too.
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
