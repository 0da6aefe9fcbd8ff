//go:build cgo

package countersign

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// handle is an object of the library's that goroutines share. It counts who is inside a call, so that closing it is
// safe at any time: the object is freed by whoever leaves last.
type handle struct {
	what    string
	pointer unsafe.Pointer
	// shut is called at once when the handle is closed, while others may be inside; free when nobody is.
	shut, free func(unsafe.Pointer)
	// Twice the number of those inside, and 1 once it is closed.
	state atomic.Int64
	freed atomic.Bool
}

const (
	closedBit = 1
	oneInside = 2
)

// owned ties a handle to the object that users see: it is closed when the garbage collector finds that nobody has
// that object any more. Users of the handle keep the object alive while they are inside.
func owned[T any](owner *T, h *handle) *handle {
	runtime.AddCleanup(owner, (*handle).close, h)
	return h
}

// enter begins a call. After nil, leave ends it.
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

// close may be called again, and by several at once.
func (h *handle) close() {
	// Being inside keeps the object from being freed under shut.
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
