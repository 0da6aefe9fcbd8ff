package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Login is a started login (RFC 6749 section 4.1, with PKCE). Any number of goroutines may use it.
type Login struct {
	handle *handle
}

// StartLogin starts a login, for programs with their own web server. Redirect the browser to
// [Login.URL], and pass the URL of its callback to [Client.CompleteLogin]. If redirectURI is empty,
// it defaults to the setting redirect_uri.
func (c *Client) StartLogin(ctx context.Context, redirectURI string) (*Login, error) {
	return call(ctx, c, func(client *C.csign_client) (*Login, error) {
		uri, length := cText(redirectURI)
		var login *C.csign_login
		var reported *C.csign_error
		status := C.csign_client_start_login(client, uri, length, &login, &reported)
		if err := failure(status, reported); err != nil {
			return nil, err
		}
		return begun(login), nil
	})
}

// CompleteLogin completes a login: it validates the callback (the URL that the browser was
// redirected to, or just its query), exchanges the code once, and stores the tokens.
func (c *Client) CompleteLogin(ctx context.Context, login *Login, callback string) (*Token, error) {
	if err := login.handle.enter(); err != nil {
		return nil, err
	}
	defer login.leave()
	cQuery, length := cText(callback)
	start := func(client *C.csign_client, cancel *C.csign_cancel, done C.uintptr_t) C.countersign_go_started {
		return C.countersign_go_start_complete_login(client, login.pointer(), cQuery, length, cancel, done)
	}
	return await(ctx, c, start, tokenResult)
}

// How long Login waits for the person if its context has no deadline.
const loginTimeout = 5 * time.Minute

// Login runs a complete login on this machine (RFC 8252): it starts a loopback server for the
// setting redirect_uri, calls open with the login's URL, and waits for the browser's callback until
// the context ends, but at most five minutes if it has no deadline. If port is 0, the server uses
// the port of redirect_uri, or any. The function open opens or shows the URL. It must not call the
// client. If the context is cancelled, the login ends and frees the port.
func (c *Client) Login(ctx context.Context, port uint16, open func(url string) error) (*Token, error) {
	ms := C.uint64_t(milliseconds(remaining(ctx, loginTimeout)))
	return detached(ctx, func() (*Token, error) {
		return call(ctx, c, func(client *C.csign_client) (*Token, error) {
			cancellable, end := cancellableLogin(ctx, open)
			defer end()
			handle := cgo.NewHandle(cancellable)
			defer handle.Delete()
			return tokenOf(C.countersign_go_login(client, C.uint16_t(port), ms, C.uintptr_t(handle)))
		})
	})
}

// cancellableLogin returns an opener that also cancels its login when the context ends. Call end
// after the login.
func cancellableLogin(ctx context.Context, open func(url string) error) (cancellable opener, end func()) {
	opened, ended := make(chan string, 1), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case page := <-opened:
			cancelLogin(page)
		case <-ended:
		}
	})
	cancellable = func(page string) error {
		if err := open(page); err != nil {
			return err
		}
		opened <- page
		return ctx.Err()
	}
	return cancellable, func() {
		close(ended)
		stop()
	}
}

// cancelLogin ends a login that waits for its callback: it sends its loopback server the callback of
// a person who denied access (RFC 6749 section 4.1.2.1), because the library has no call for it.
func cancelLogin(page string) {
	parsed, err := url.Parse(page)
	if err != nil {
		return
	}
	login := parsed.Query()
	callback, err := url.Parse(login.Get("redirect_uri"))
	if err != nil || !isLoopback(callback.Hostname()) {
		return
	}
	query := callback.Query()
	query.Set("error", "access_denied")
	query.Set("state", login.Get("state"))
	callback.RawQuery = query.Encode()
	direct := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	if response, err := direct.Get(callback.String()); err == nil {
		_ = response.Body.Close()
	}
}

// RestoreLogin restores a login that [Login.Save] saved, in this process or another one.
func RestoreLogin(saved string) (*Login, error) {
	if err := checkABI(); err != nil {
		return nil, err
	}
	text, length := cText(saved)
	var login *C.csign_login
	var reported *C.csign_error
	if err := failure(C.csign_login_restore(text, length, &login, &reported), reported); err != nil {
		return nil, err
	}
	return begun(login), nil
}

// URL returns the URL to redirect the browser to. It is empty after Close.
func (l *Login) URL() string {
	if l.handle.enter() != nil {
		return ""
	}
	defer l.leave()
	var length C.size_t
	data := C.csign_login_url(l.pointer(), &length)
	return string(borrowed(data, length))
}

// State returns the state parameter of the URL, which identifies the login that a callback belongs
// to. It is empty after Close.
func (l *Login) State() string {
	if l.handle.enter() != nil {
		return ""
	}
	defer l.leave()
	var length C.size_t
	data := C.csign_login_state(l.pointer(), &length)
	return string(borrowed(data, length))
}

// Save returns the login as a string, for a web server whose callback may reach another process.
// Keep it in the server-side session: it contains the PKCE verifier.
func (l *Login) Save() (string, error) {
	if err := l.handle.enter(); err != nil {
		return "", err
	}
	defer l.leave()
	var saved *C.csign_text
	var reported *C.csign_error
	if err := failure(C.csign_login_save(l.pointer(), &saved, &reported), reported); err != nil {
		return "", err
	}
	return taken(saved), nil
}

// Close wipes the login. So does the garbage collector.
func (l *Login) Close() error {
	l.handle.close()
	runtime.KeepAlive(l)
	return nil
}

func begun(pointer *C.csign_login) *Login {
	login := &Login{}
	login.handle = owned(login, &handle{
		what:    "login",
		pointer: unsafe.Pointer(pointer),
		free:    func(p unsafe.Pointer) { C.csign_login_free((*C.csign_login)(p)) },
	})
	return login
}

func (l *Login) pointer() *C.csign_login {
	return (*C.csign_login)(l.handle.pointer)
}

func (l *Login) leave() {
	l.handle.leave()
	runtime.KeepAlive(l)
}
