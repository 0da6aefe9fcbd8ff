package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"sync"
	"unsafe"
)

// await runs a call that may block. If the context can end, the call continues in the library after
// the context has ended.
func await[T any](ctx context.Context, c *Client, call func(*C.csign_client) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if err := c.handle.enter(); err != nil {
		return none, err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		c.leave()
		return none, ctx.Err()
	}
	return detached(ctx, func() (T, error) {
		defer func() {
			<-c.slots
			c.leave()
		}()
		defer c.callers.add(ctx)()
		value, err := call(c.pointer())
		return value, c.closing(err)
	})
}

// detached runs a function and returns its result, or the context's error when the context ends
// first. The function continues in its own goroutine. This is the only place where a goroutine
// waits for the library.
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
