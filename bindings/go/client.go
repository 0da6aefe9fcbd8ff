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

// Client returns a connection's access token and keeps it valid. Any number of goroutines may use
// one client. At most one token request is in flight among them and among the processes that share
// the connection's store.
//
// If a context is cancelled, the method returns at once with the context's error. The request
// continues in the library, and the next caller gets its result, as long as the process runs: call
// [Client.Drain] or [Client.Close] before it exits.
type Client struct {
	handle *handle
	// The calls that are inside the library, for its log lines; nil without a logger.
	callers *callers
}

// Load builds a client for a connection of a configuration file, `[connections.NAME]`. It reads the
// file of [WithFile], or else the one that the countersign command reads: $COUNTERSIGN_CONFIG,
// ./countersign.toml, or the one in the user's configuration folder. It sends no request.
func Load(name string, options ...Option) (*Client, error) {
	return open(gather(nil, append(options, WithName(name))), true)
}

// New builds a client from settings. It sends no request.
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
	client := &Client{callers: config.callers}
	client.handle = owned(client, &handle{
		what:    "client",
		pointer: unsafe.Pointer(pointer),
		shut:    func(p unsafe.Pointer) { C.csign_client_close((*C.csign_client)(p)) },
		free:    func(p unsafe.Pointer) { C.csign_client_free((*C.csign_client)(p)) },
	})
	return client, nil
}

// AccessToken returns an access token that is valid for at least the time in the setting
// min_valid_s: the cached token, the stored one, or a new one from a request that concurrent
// callers share. It is the fastest way to a cached token.
func (c *Client) AccessToken(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if fresh, err := c.peek(); fresh != "" || err != nil {
		return fresh, err
	}
	token, err := c.Token(ctx)
	if err != nil {
		return "", err
	}
	return token.value, nil
}

// Token is like [Client.AccessToken], but returns the token with its type, expiry and the vendor's
// additional members. [MinValid] sets for how long it must be valid.
func (c *Client) Token(ctx context.Context, options ...TokenOption) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ms := C.uint64_t(milliseconds(tokenOptions(options).MinValid))
	if fresh, err := c.peekToken(ms); fresh != nil || err != nil {
		return fresh, err
	}
	return await(ctx, c, starting(C.COUNTERSIGN_GO_TOKEN, ms), tokenResult)
}

// Refresh requests a new token now, even if the current one is still valid. If that fails and the
// current token is still valid, Refresh returns the current one.
func (c *Client) Refresh(ctx context.Context) (*Token, error) {
	return await(ctx, c, starting(C.COUNTERSIGN_GO_REFRESH, 0), tokenResult)
}

// Invalidate reports a token that an API rejected with 401. The client doesn't return it again. If
// the token has been replaced in the meantime, the newer one stays valid.
//
// A token that itself replaced a rejected one is kept for its first minute, so that an API that
// rejects every token doesn't cost one token request per call. [Client.Refresh] always requests a
// new one.
//
// Invalidate doesn't wait, and works with a context that has ended.
func (c *Client) Invalidate(ctx context.Context, token *Token) error {
	if token == nil {
		return misuse("the token to invalidate is nil", "pass the token that the API rejected")
	}
	return c.InvalidateAccessToken(ctx, token.value)
}

// InvalidateAccessToken is like [Client.Invalidate], for when you only have the access token
// string.
func (c *Client) InvalidateAccessToken(_ context.Context, accessToken string) error {
	if err := c.handle.enter(); err != nil {
		return err
	}
	defer c.leave()
	token, length := cText(accessToken)
	var reported *C.csign_error
	return failure(C.csign_client_invalidate(c.pointer(), token, length, &reported), reported)
}

// Drain waits for requests in flight until the context ends, and starts no new ones. Call it before
// the program exits. Afterwards, the client still returns a cached token; anything else fails with
// an [*Error] of [KindBusy].
//
// Drain fails with the context's error if a request is still in flight when the context ends, and
// with the store's error if a new token could not be stored.
func (c *Client) Drain(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.handle.enter(); err != nil {
		return err
	}
	// The context ends first, so that its error is returned.
	timeout := remaining(ctx, drainTimeout) + time.Second
	_, err := detached(ctx, func() (struct{}, error) {
		defer c.leave()
		return struct{}{}, drain(c.pointer(), timeout)
	})
	return err
}

// How long Drain waits at most: longer than any request takes.
const drainTimeout = 24 * time.Hour

// How long Close waits for requests in flight: a little more than the default of the setting
// timeout_ms.
const closeTimeout = 35 * time.Second

// Close closes the client and wipes its secrets. Later calls fail with [ErrClosed]. Close waits for
// a request that was sent, so that its result is stored. Calls that have not sent a request also
// fail with [ErrClosed]. Close may be called at any time and more than once.
//
// It returns the store's error if a new token could not be stored and is lost.
func (c *Client) Close() error {
	if c.handle.enter() != nil {
		return nil
	}
	defer c.leave()
	c.handle.close()
	err := drain(c.pointer(), closeTimeout)
	var failure *Error
	if errors.As(err, &failure) && (failure.status == C.CSIGN_STATUS_BUSY || failure.status == C.CSIGN_STATUS_REENTERED) {
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

// leave ends a call. It also keeps the garbage collector from closing the client during the call.
func (c *Client) leave() {
	c.handle.leave()
	runtime.KeepAlive(c)
}

// tokenOf copies the token of a call's result and frees the library's copy.
func tokenOf(result C.countersign_go_result) (*Token, error) {
	if err := failure(result.status, result.error); err != nil {
		return nil, err
	}
	defer C.csign_token_free(result.token)
	return readToken(result.token, result.fields), nil
}

// remaining returns the time until the context's deadline, or the maximum if that is shorter.
func remaining(ctx context.Context, maximum time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(max(time.Until(deadline), 0), maximum)
	}
	return maximum
}

// milliseconds rounds up, so that a token is not valid for less than the caller asked for.
func milliseconds(d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64((d + time.Millisecond - 1) / time.Millisecond)
}
