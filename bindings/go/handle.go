//go:build cgo

package countersign

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// handle is a library object that goroutines share. It counts the calls in progress, so that
// closing is safe at any time: the last call to end frees the object.
type handle struct {
	what    string
	pointer unsafe.Pointer
	// shut runs when the handle is closed, possibly during calls. free runs when no call is in
	// progress.
	shut, free func(unsafe.Pointer)
	// Twice the number of calls in progress, plus 1 if closed.
	state atomic.Int64
	freed atomic.Bool
}

const (
	closedBit = 1
	oneInside = 2
)

// owned closes the handle when its owner, the object that users see, becomes unreachable. Calls
// keep the owner alive.
func owned[T any](owner *T, h *handle) *handle {
	runtime.AddCleanup(owner, (*handle).close, h)
	return h
}

// enter begins a call. If it returns nil, leave must end the call.
func (h *handle) enter() error {
	if h.state.Add(oneInside)&closedBit != 0 {
		h.leave()
		return closed(h.what)
	}
	return nil
}

func (h *handle) leave() {
	if h.state.Add(-oneInside) == closedBit {
		h.release()
	}
}

func (h *handle) isClosed() bool {
	return h.state.Load()&closedBit != 0
}

// close may be called more than once and concurrently.
func (h *handle) close() {
	// Counting as a call keeps the object from being freed during shut.
	h.state.Add(oneInside)
	if h.state.Or(closedBit)&closedBit == 0 && h.shut != nil {
		h.shut(h.pointer)
	}
	h.leave()
}

func (h *handle) release() {
	if h.freed.CompareAndSwap(false, true) {
		h.free(h.pointer)
	}
}
