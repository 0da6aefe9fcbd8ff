package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/cgo"
	"time"
	"unsafe"
)

// The functions here are called by the library, on threads of its own as well. A panic in what the program brought
// ends here: it must not unwind through C.

// signer is a function that signs.
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
		return 0, fmt.Errorf("countersign: the signer gave %d bytes; at most %d fit", len(signed), len(signature))
	}
	return copy(signature, signed), nil
}

// failed has the library keep an error with the one that comes of it, for the caller of the library: this callback
// runs on another goroutine than that one, and others may fail at the same time.
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
	// A copy: the function may keep it.
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

//export countersignLog
func countersignLog(handle C.uintptr_t, level C.int32_t, line *C.char, length C.size_t) {
	defer func() { _ = recover() }()
	logger := cgo.Handle(handle).Value().(*slog.Logger)
	logger.Log(context.Background(), slogLevel(level), string(borrowed(line, length)))
}

// mostWanted is the last level of the library's that the logger wants.
func mostWanted(logger *slog.Logger) C.int32_t {
	for _, level := range []C.int32_t{C.CSIGN_LOG_LEVEL_DEBUG, C.CSIGN_LOG_LEVEL_INFO, C.CSIGN_LOG_LEVEL_WARN} {
		if logger.Enabled(context.Background(), slogLevel(level)) {
			return level
		}
	}
	return C.CSIGN_LOG_LEVEL_ERROR
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

// listener is a function that hears of changes; the logger, if any, hears of its panics.
type listener struct {
	hear   func(Change, *Token)
	logger *slog.Logger
}

//export countersignChange
func countersignChange(handle C.uintptr_t, change C.int32_t, token *C.csign_token) {
	heard := cgo.Handle(handle).Value().(*listener)
	defer func() {
		if err := recovered(recover(), nil); err != nil && heard.logger != nil {
			heard.logger.Error("the listener of token changes panicked", "error", err)
		}
	}()
	var shown *Token
	if token != nil {
		shown = readToken(C.countersign_go_read_token(token))
	}
	if change := changeOf(C.csign_change(change)); change != "" {
		heard.hear(change, shown)
	}
}

// opener opens the URL of a login.
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

// recovered is the error of a function that may have panicked.
func recovered(panicked any, err error) error {
	if panicked == nil {
		return err
	}
	return fmt.Errorf("countersign: the callback panicked: %v", panicked)
}
