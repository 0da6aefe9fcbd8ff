package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"time"
	"unsafe"
)

// Client hands out a connection's token and keeps it valid. Any number of goroutines may use it at once. At most one
// token request is under way at a time, among them and among the processes that share the connection's store.
//
// If a method takes a context, cancelling it returns at once with the context's error. A request that has been sent
// goes on in the library, and the next caller gets what it brings, as long as the process runs: call [Client.Drain] or
// [Client.Close] before it exits.
type Client struct {
	handle *handle
	// One for each goroutine that waits inside the library.
	slots chan struct{}
}

// A goroutine that waits inside the library holds a thread. The others wait for their turn on Go's side.
const mostInside = 64

// Load makes a client for a connection of a configuration file, `[connections.NAME]`: that of [WithFile], or else the
// one that the countersign command finds: $COUNTERSIGN_CONFIG, ./countersign.toml, the user's configuration folder.
// Nothing is sent yet.
func Load(name string, options ...Option) (*Client, error) {
	return open(gather(nil, append(options, WithName(name))), true)
}

// New makes a client from settings. Nothing is sent yet.
func New(settings Settings, options ...Option) (*Client, error) {
	return open(gather(settings, options), false)
}

func open(config *config, load bool) (*Client, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	made, err := config.made(load)
	if err != nil {
		return nil, err
	}
	defer C.csign_config_free(made)

	var registry *C.csign_registry
	if config.registry != nil {
		if err := config.registry.enter(); err != nil {
			return nil, err
		}
		defer config.registry.leave()
		registry = config.registry.pointer()
	}
	var pointer *C.csign_client
	var reported *C.csign_error
	status := C.csign_client_new(made, registry, &pointer, &reported)
	if err := failure(status, reported); err != nil {
		return nil, err
	}
	client := &Client{slots: make(chan struct{}, mostInside)}
	client.handle = owned(client, &handle{
		what:    "client",
		pointer: unsafe.Pointer(pointer),
		shut:    func(p unsafe.Pointer) { C.csign_client_close((*C.csign_client)(p)) },
		free:    func(p unsafe.Pointer) { C.csign_client_free((*C.csign_client)(p)) },
	})
	return client, nil
}

// AccessToken is a token that is valid for at least the setting min_valid_s, where the vendor gives such tokens: from
// memory, from the store, or by one request that all callers share. This is the quick way for a token in memory.
func (c *Client) AccessToken(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if fresh, err := c.peek(); fresh != "" || err != nil {
		return fresh, err
	}
	token, err := c.TokenContext(ctx, 0)
	if err != nil {
		return "", err
	}
	return token.value, nil
}

// TokenContext is [Client.AccessToken] with all that is known about the token; minValid is how long it must still be
// valid, and 0 stands for the setting min_valid_s.
func (c *Client) TokenContext(ctx context.Context, minValid time.Duration) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ms := C.uint64_t(milliseconds(minValid))
	// Where the caller can give up, waiting takes a goroutine: not for what is in memory.
	if ctx.Done() != nil {
		if fresh, err := c.peekToken(ms); fresh != nil || err != nil {
			return fresh, err
		}
	}
	return await(ctx, c, func(client *C.csign_client) (*Token, error) {
		return answered(C.countersign_go_client_token(client, ms))
	})
}

// Refresh asks for a token now, even though there may be a valid one. Where that fails and the old token is still
// valid, that one is given.
func (c *Client) Refresh(ctx context.Context) (*Token, error) {
	return await(ctx, c, func(client *C.csign_client) (*Token, error) {
		return answered(C.countersign_go_client_refresh(client))
	})
}

// Invalidate tells the client that an API refused this access token (401): it is not handed out again. A token that
// has been replaced meanwhile does not take the newer one along.
func (c *Client) Invalidate(accessToken string) error {
	if err := c.handle.enter(); err != nil {
		return err
	}
	defer c.leave()
	token, length := cText(accessToken)
	var reported *C.csign_error
	return failure(C.csign_client_invalidate(c.pointer(), token, length, &reported), reported)
}

// Drain waits for the requests that are under way, and starts no new one from now on: for a program that is about to
// exit. Cached tokens are handed out as before; anything else fails with [StatusBusy].
//
// The error is of [StatusBusy] if a request is still under way when the time is up, and the store's if a new token is
// in memory only. Cancelling the context returns at once.
func (c *Client) Drain(ctx context.Context, timeout time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.handle.enter(); err != nil {
		return err
	}
	drained := make(chan error, 1)
	go func() {
		defer c.leave()
		drained <- drain(c.pointer(), timeout)
	}()
	select {
	case err := <-drained:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// How long Close waits for requests under way: the default of the setting timeout_ms and a bit.
const closeTimeout = 35 * time.Second

// Close closes the client and wipes what it holds. Later calls fail with an error that errors.Is finds to be
// [ErrClosed]. Close waits for a request that has been sent, so that what it brings is stored; a call that has not sent
// its request fails as a later one does. It may be called at any time, and again.
//
// The error is the store's if a new token is in memory only and so is lost.
func (c *Client) Close() error {
	if c.handle.enter() != nil {
		return nil
	}
	defer c.leave()
	c.handle.close()
	err := drain(c.pointer(), closeTimeout)
	var failure *Error
	if errors.As(err, &failure) && (failure.Status == StatusBusy || failure.Status == StatusReentered) {
		return nil
	}
	return err
}

func drain(client *C.csign_client, timeout time.Duration) error {
	var reported *C.csign_error
	return failure(C.csign_client_drain(client, C.uint64_t(milliseconds(timeout)), &reported), reported)
}

func (c *Client) pointer() *C.csign_client {
	return (*C.csign_client)(c.handle.pointer)
}

// leave ends a call. It is also what keeps the client from being closed as garbage while the call runs.
func (c *Client) leave() {
	c.handle.leave()
	runtime.KeepAlive(c)
}

// answered copies the token of an answer, and frees what the library gave.
func answered(answer C.countersign_go_answer) (*Token, error) {
	if err := failure(answer.status, answer.error); err != nil {
		return nil, err
	}
	defer C.csign_token_free(answer.token)
	return readToken(answer.fields), nil
}

// milliseconds rounds up: a token that is valid for less than asked for would be wrong.
func milliseconds(d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64((d + time.Millisecond - 1) / time.Millisecond)
}
