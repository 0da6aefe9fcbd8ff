package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/cgo"
	"slices"
	"sync"
	"time"
	"unsafe"
)

// The library calls these functions, also on its own threads. They recover from panics of the
// program's callbacks, which must not unwind through C.

// signer holds a callback that signs.
type signer struct {
	algorithm, keyID string
	sign             func([]byte) ([]byte, error)
}

func (s *signer) signInto(message, signature []byte) (written int, err error) {
	defer func() { err = recovered(recover(), err) }()
	signed, err := s.sign(message)
	if err != nil {
		return 0, err
	}
	if len(signed) > len(signature) {
		return 0, fmt.Errorf("countersign: the signer returned %d bytes, but the maximum is %d", len(signed), len(signature))
	}
	return copy(signature, signed), nil
}

// failed attaches a callback's error to the error that the library returns to its caller. The
// callback runs on another goroutine than the caller, and others may fail at the same time.
func failed(err error) C.int32_t {
	C.countersign_go_set_cause(kept(err))
	return 1
}

//export countersignSign
func countersignSign(
	handle C.uintptr_t,
	input *C.uint8_t, inputLength C.size_t,
	signature *C.uint8_t, capacity C.size_t, written *C.size_t,
) C.int32_t {
	// A copy, because the function may keep it.
	message := C.GoBytes(unsafe.Pointer(input), C.int(inputLength))
	room := unsafe.Slice((*byte)(unsafe.Pointer(signature)), int(capacity))
	length, err := cgo.Handle(handle).Value().(*signer).signInto(message, room)
	if err != nil {
		return failed(err)
	}
	*written = C.size_t(length)
	return 0
}

type clock func() (time.Time, time.Duration)

//export countersignClock
func countersignClock(handle C.uintptr_t, unixMs *C.int64_t, bootMs *C.uint64_t) (status C.int32_t) {
	defer func() {
		if recover() != nil {
			status = 1
		}
	}()
	wall, sinceBoot := cgo.Handle(handle).Value().(clock)()
	*unixMs = C.int64_t(wall.UnixMilli())
	*bootMs = C.uint64_t(max(sinceBoot.Milliseconds(), 0))
	return 0
}

// callers are the contexts of the calls that wait for the library, the oldest first.
type callers struct {
	lock     sync.Mutex
	contexts []*context.Context
}

// add adds a call. The returned function removes it.
func (c *callers) add(ctx context.Context) (remove func()) {
	if c == nil {
		return func() {}
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.contexts = append(c.contexts, &ctx)
	return func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		at := slices.Index(c.contexts, &ctx)
		c.contexts = slices.Delete(c.contexts, at, at+1)
	}
}

// oldest returns the context of the oldest call: it started the request that the others wait for.
func (c *callers) oldest() context.Context {
	if c == nil {
		return context.Background()
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.contexts) == 0 {
		return context.Background()
	}
	return *c.contexts[0]
}

// logging holds a logger, and the calls that cause its lines; nil for a registry.
type logging struct {
	logger  *slog.Logger
	callers *callers
}

//export countersignLog
func countersignLog(handle C.uintptr_t, level C.int32_t, line *C.char, length C.size_t) {
	defer func() { _ = recover() }()
	log := cgo.Handle(handle).Value().(*logging)
	ctx := log.callers.oldest()
	// The level may change at any time.
	if log.logger.Enabled(ctx, slogLevel(level)) {
		log.logger.Log(ctx, slogLevel(level), string(borrowed(line, length)))
	}
}

func slogLevel(level C.int32_t) slog.Level {
	switch level {
	case C.CSIGN_LOG_LEVEL_ERROR:
		return slog.LevelError
	case C.CSIGN_LOG_LEVEL_WARN:
		return slog.LevelWarn
	case C.CSIGN_LOG_LEVEL_INFO:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// listener holds a callback for changes. Its panics are logged to the logger, if any.
type listener struct {
	call   func(Change, *Token)
	logger *slog.Logger
}

//export countersignChange
func countersignChange(handle C.uintptr_t, change C.int32_t, token *C.csign_token) {
	listening := cgo.Handle(handle).Value().(*listener)
	defer func() {
		if err := recovered(recover(), nil); err != nil && listening.logger != nil {
			listening.logger.Error("the token-changed listener panicked", "error", err)
		}
	}()
	var shown *Token
	if token != nil {
		shown = readToken(token, C.countersign_go_read_token(token))
	}
	if change := changeOf(C.csign_change(change)); change != "" {
		listening.call(change, shown)
	}
}

// opener is a callback that opens the URL of a login.
type opener func(url string) error

//export countersignOpen
func countersignOpen(handle C.uintptr_t, url *C.char, length C.size_t) C.int32_t {
	if err := cgo.Handle(handle).Value().(opener).try(string(borrowed(url, length))); err != nil {
		return failed(err)
	}
	return 0
}

func (o opener) try(url string) (err error) {
	defer func() { err = recovered(recover(), err) }()
	return o(url)
}

//export countersignDestroy
func countersignDestroy(handle C.uintptr_t) {
	cgo.Handle(handle).Delete()
}

// recovered returns the error of a function that may have panicked.
func recovered(panicked any, err error) error {
	if panicked == nil {
		return err
	}
	return fmt.Errorf("countersign: the callback panicked: %v", panicked)
}
