package countersign

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
	"time"
	"unsafe"
)

// Login is a login that has begun (RFC 6749 section 4.1, with PKCE of RFC 7636). Any number of goroutines may use it.
type Login struct {
	handle *handle
}

// StartLogin begins a login, for a program with a web server of its own: send the browser to [Login.URL], and hand
// the URL that it comes back to to [Client.CompleteLogin]. It does not wait. The redirect URI is where the browser comes back to; empty
// for the setting redirect_uri.
func (c *Client) StartLogin(redirectURI string) (*Login, error) {
	if err := c.handle.enter(); err != nil {
		return nil, err
	}
	defer c.leave()
	uri, length := cText(redirectURI)
	var login *C.csign_login
	var reported *C.csign_error
	status := C.csign_client_start_login(c.pointer(), uri, length, &login, &reported)
	if err := failure(status, reported); err != nil {
		return nil, err
	}
	return begun(login), nil
}

// CompleteLogin ends a login: it checks the callback (the URL that the browser came back to, or its query alone),
// exchanges the code once, and keeps what that brings.
func (c *Client) CompleteLogin(ctx context.Context, login *Login, callback string) (*Token, error) {
	return await(ctx, c, func(client *C.csign_client) (*Token, error) {
		if err := login.handle.enter(); err != nil {
			return nil, err
		}
		defer login.leave()
		cQuery, length := cText(callback)
		return answered(C.countersign_go_complete_login(client, login.pointer(), cQuery, length))
	})
}

// Login is a whole login on this machine (RFC 8252): it listens on the loopback address of the setting redirect_uri,
// has the browser opened, and waits for it to come back, for at most the timeout. The port is 0 for the one in
// redirect_uri, or any. The function opens or shows the URL; it must not call the client. Where the context is
// cancelled, the library listens on until the timeout.
func (c *Client) Login(
	ctx context.Context, port uint16, timeout time.Duration, open func(url string) error,
) (*Token, error) {
	ms := C.uint64_t(milliseconds(timeout))
	return await(ctx, c, func(client *C.csign_client) (*Token, error) {
		handle := cgo.NewHandle(opener(open))
		defer handle.Delete()
		return answered(C.countersign_go_login(client, C.uint16_t(port), ms, C.uintptr_t(handle)))
	})
}

// RestoreLogin is the login that [Login.Save] turned into text, here or in another process.
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

// URL is where to send the browser; empty after Close.
func (l *Login) URL() string {
	if l.handle.enter() != nil {
		return ""
	}
	defer l.leave()
	var length C.size_t
	data := C.csign_login_url(l.pointer(), &length)
	return string(borrowed(data, length))
}

// State is the state parameter of the URL: it tells which of several logins a callback belongs to. Empty after Close.
func (l *Login) State() string {
	if l.handle.enter() != nil {
		return ""
	}
	defer l.leave()
	var length C.size_t
	data := C.csign_login_state(l.pointer(), &length)
	return string(borrowed(data, length))
}

// Save is the login as text, for a web server whose next request may reach another process: keep it in the session, on
// the server's side, for it holds the verifier.
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

// Close wipes the login. The garbage collector does so too.
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
