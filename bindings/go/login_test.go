package countersign

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestALoginCanBeRestored(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	login, err := client.StartLogin("")
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
	if _, err := RestoreLogin("something else"); failureOf(t, err).Status != StatusCallback {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	token, err := client.Login(context.Background(), 0, time.Minute, func(page string) error {
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

func TestLoginFailsIfTheBrowserDoesNotOpen(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-code", nil)
	errBrowser := errors.New("no display")
	_, err := client.Login(context.Background(), 0, time.Minute, func(string) error { return errBrowser })
	if !errors.Is(err, errBrowser) {
		t.Error(err)
	}
	_, err = client.Login(context.Background(), 0, time.Minute, func(string) error { panic("no browser") })
	if errors.Unwrap(failureOf(t, err)) == nil {
		t.Error(err)
	}
}
