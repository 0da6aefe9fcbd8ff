package countersigntest_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/countersigntest"
)

func TestStaticSource(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	source := countersigntest.StaticSource("one", "two")
	token, err := source.Token(ctx, countersign.MinValid(2*time.Hour))
	if err != nil || token.AccessToken() != "one" || token.Authorization() != "Bearer one" || token.TokenType() != "Bearer" {
		t.Fatal(token, err)
	}
	if time.Until(token.ExpiresAt()) < 119*time.Minute || len(token.Extra()) != 0 {
		t.Error(token)
	}
	// Only the current token is replaced.
	for _, step := range []struct{ rejected, then string }{{"zero", "one"}, {"one", "two"}, {"one", "two"}, {"two", "two"}} {
		if err := source.Invalidate(ctx, countersign.NewToken(step.rejected, time.Time{})); err != nil {
			t.Fatal(err)
		}
		if token, err := source.Token(ctx); err != nil || token.AccessToken() != step.then {
			t.Error(step, token, err)
		}
	}
	if got := source.Invalidated(); !slices.Equal(got, []string{"zero", "one", "one", "two"}) {
		t.Error(got)
	}
	cancel()
	if _, err := source.Token(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSandbox(t *testing.T) {
	state := os.Getenv("XDG_STATE_HOME")
	t.Run("login", func(t *testing.T) {
		sandbox := countersigntest.NewSandbox(t)
		client := sandbox.Client("docusign-code")
		ctx := context.Background()
		login, err := client.StartLogin(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.CompleteLogin(ctx, login, sandbox.Deny(login.URL())); !errors.Is(err, countersign.ErrReauthorize) {
			t.Error(err)
		}
		token, err := client.CompleteLogin(ctx, login, sandbox.Allow(login.URL()))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := client.Token(ctx); err != nil || again.AccessToken() != token.AccessToken() {
			t.Error(again, err)
		}
		if got := sandbox.TokenRequests(); !slices.Equal(got, []string{"authorization-code"}) {
			t.Error(got)
		}
		sandbox.Post("/_sandbox/faults", map[string]any{"status": 503})
		if _, err := sandbox.Client("boldsign-cc").Token(ctx); !errors.Is(err, countersign.ErrRetry) {
			t.Error(err)
		}
	})
	if os.Getenv("XDG_STATE_HOME") != state {
		t.Error("XDG_STATE_HOME was not restored")
	}
}
