package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// await starts a call, and waits for its result or for the end of the context. No thread waits. When
// the context ends, so does the call, but a request in flight continues in the library.
func await[T any](
	ctx context.Context, c *Client,
	start func(client *C.csign_client, cancel *C.csign_cancel, done C.uintptr_t) C.countersign_go_started,
	read func(*C.csign_result) (T, error),
) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if err := c.handle.enter(); err != nil {
		return none, err
	}
	defer c.leave()
	var cancel *C.csign_cancel
	if ctx.Done() != nil {
		var reported *C.csign_error
		if err := failure(C.csign_cancel_new(&cancel, &reported), reported); err != nil {
			return none, err
		}
		defer C.csign_cancel_free(cancel)
	}
	type outcome struct {
		value T
		err   error
	}
	outcomes := make(chan outcome, 1)
	remove := c.callers.add(ctx)
	done := cgo.NewHandle(func(result *C.csign_result) {
		remove()
		value, err := read(result)
		outcomes <- outcome{value, c.closing(err)}
	})
	started := start(c.pointer(), cancel, C.uintptr_t(done))
	if err := failure(started.status, started.error); err != nil {
		done.Delete()
		remove()
		return none, err
	}
	select {
	case ended := <-outcomes:
		return ended.value, ended.err
	case <-ctx.Done():
		C.csign_cancel_set(cancel)
		return none, ctx.Err()
	}
}

//export countersignDone
func countersignDone(handle C.uintptr_t, result *C.csign_result) {
	done := cgo.Handle(handle)
	call := done.Value().(func(*C.csign_result))
	done.Delete()
	call(result)
	C.csign_result_free(result)
}

// starting returns the function that starts this call.
func starting(
	call C.countersign_go_call, minValidMS C.uint64_t,
) func(*C.csign_client, *C.csign_cancel, C.uintptr_t) C.countersign_go_started {
	return func(client *C.csign_client, cancel *C.csign_cancel, done C.uintptr_t) C.countersign_go_started {
		return C.countersign_go_start(client, call, minValidMS, cancel, done)
	}
}

// The functions that read a result, which the library's thread calls: they only copy.

func tokenResult(result *C.csign_result) (*Token, error) {
	if err := resultFailure(result); err != nil {
		return nil, err
	}
	token := C.csign_result_token(result)
	return readToken(token, C.countersign_go_read_token(token)), nil
}

func jsonResult[T any](result *C.csign_result) (T, error) {
	if err := resultFailure(result); err != nil {
		var none T
		return none, err
	}
	return parsed[T](copied(C.csign_result_text(result)))
}

func resultFailure(result *C.csign_result) error {
	if status := C.csign_result_status(result); status != C.CSIGN_STATUS_OK {
		return described(status, C.csign_result_error(result))
	}
	return nil
}

// call runs a call that doesn't wait for the network.
func call[T any](ctx context.Context, c *Client, run func(*C.csign_client) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if err := c.handle.enter(); err != nil {
		return none, err
	}
	defer c.leave()
	defer c.callers.add(ctx)()
	value, err := run(c.pointer())
	return value, c.closing(err)
}

// detached runs a function and returns its result, or the context's error when the context ends
// first. The function continues in its own goroutine, which holds a thread.
func detached[T any](ctx context.Context, run func() (T, error)) (T, error) {
	if ctx.Done() == nil {
		return run()
	}
	type outcome struct {
		value T
		err   error
	}
	outcomes := make(chan outcome, 1)
	go func() {
		value, err := run()
		outcomes <- outcome{value, err}
	}()
	select {
	case ended := <-outcomes:
		return ended.value, ended.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// closing turns the error of a call that Close interrupted into that of a call on a closed client.
func (c *Client) closing(err error) error {
	var failure *Error
	if errors.As(err, &failure) && failure.status == C.CSIGN_STATUS_BUSY && c.handle.isClosed() {
		return closed("client")
	}
	return err
}

// peekToken returns the cached token if it is valid for long enough, or nil. It never waits.
func (c *Client) peekToken(minValidMS C.uint64_t) (*Token, error) {
	if err := c.handle.enter(); err != nil {
		return nil, err
	}
	defer c.leave()
	result := C.countersign_go_client_peek(c.pointer(), minValidMS)
	if result.status == C.CSIGN_STATUS_OK && result.token == nil {
		return nil, nil
	}
	return tokenOf(result)
}

// peek returns the cached token if it is fresh, or "". It never waits.
func (c *Client) peek() (string, error) {
	if err := c.handle.enter(); err != nil {
		return "", err
	}
	defer c.leave()
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	return c.peekInto(room)
}

// peekInto reads the cached token through a buffer, which it enlarges if necessary and wipes.
func (c *Client) peekInto(room *[]byte) (string, error) {
	for {
		buffer := (*C.char)(unsafe.Pointer(unsafe.SliceData(*room)))
		peeked := C.countersign_go_peek(c.pointer(), buffer, C.size_t(len(*room)))
		length := int(peeked.length)
		switch peeked.status {
		case C.CSIGN_STATUS_OK:
			token := string((*room)[:length])
			clear((*room)[:length])
			return token, nil
		case C.CSIGN_STATUS_BUFFER_TOO_SMALL:
			C.csign_error_free(peeked.error)
			*room = make([]byte, 2*length)
		default:
			return "", failure(peeked.status, peeked.error)
		}
	}
}

// rooms are buffers for the library to copy tokens to. They are on the heap because C writes to
// them.
var rooms = sync.Pool{New: func() any {
	room := make([]byte, 2048)
	return &room
}}
