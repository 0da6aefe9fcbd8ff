package countersign

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestALoginCanBeRestored(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	login, err := client.StartLogin(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	saved, err := login.Save()
	if err != nil {
		t.Fatal(err)
	}
	page := login.URL()
	_ = login.Close()
	if _, err := login.Save(); !errors.Is(err, ErrClosed) || login.URL() != "" {
		t.Error(err)
	}
	if _, err := client.CompleteLogin(context.Background(), login, "code=1"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}

	restored, err := RestoreLogin(saved)
	if err != nil {
		t.Fatal(err)
	}
	if restored.URL() != page {
		t.Error("the page is another one")
	}
	if !strings.Contains(page, "state="+restored.State()) || restored.State() == "" || login.State() != "" {
		t.Errorf("the state is %q", restored.State())
	}
	callback, err := emulator.Authorize(page, "allow")
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.CompleteLogin(context.Background(), restored, callback)
	if err != nil || token.Source() != SourceMinted {
		t.Errorf("%v, %v", token, err)
	}
	if _, err := RestoreLogin("something else"); failureOf(t, err).Kind != KindCallback {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	token, err := client.Login(context.Background(), 0, func(page string) error {
		go func() {
			back, err := emulator.Authorize(page, "allow")
			if err != nil {
				t.Error(err)
				return
			}
			response, err := http.Get(back)
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
		}()
		return nil
	})
	if err != nil || token.Source() != SourceMinted {
		t.Fatalf("%v, %v", token, err)
	}
}

func TestACancelledLoginFreesItsPort(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	var server string
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := client.Login(ctx, 0, func(page string) error {
		_, callback, _ := strings.Cut(page, "redirect_uri=")
		callback, _, _ = strings.Cut(callback, "&")
		callback, err := url.QueryUnescape(callback)
		if err != nil {
			t.Error(err)
		}
		server = strings.Split(callback, "/")[2]
		if socket, err := net.Listen("tcp4", server); err == nil {
			_ = socket.Close()
			t.Error("the port is free during the login")
		}
		go cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// The library notices soon, and long before the five minutes of an abandoned login.
	deadline := time.Now().Add(time.Minute)
	for {
		socket, err := net.Listen("tcp4", server)
		if err == nil {
			_ = socket.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if requests(t) != 0 {
		t.Error("a code was exchanged")
	}
}

func TestLoginEndsAtTheDeadline(t *testing.T) {
	fresh(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := dial(t, "docusign-code", nil).Login(ctx, 0, func(string) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrReauthorize) {
		t.Error(err)
	}
}

func TestLoginFailsIfTheBrowserDoesNotOpen(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	errBrowser := errors.New("no display")
	_, err := client.Login(context.Background(), 0, func(string) error { return errBrowser })
	if !errors.Is(err, errBrowser) {
		t.Error(err)
	}
	_, err = client.Login(context.Background(), 0, func(string) error { panic("no browser") })
	if errors.Unwrap(failureOf(t, err)) == nil {
		t.Error(err)
	}
}
