package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestATokenIsNeverPrinted(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	token, err := client.Token(context.Background(), MinValid(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if token.Authorization() != "Bearer "+token.AccessToken() || token.AccessToken() == "" {
		t.Error("the Authorization header has another token")
	}
	marshalled, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %#v", token, token, token, token, token, token, token, *token, *token) +
		string(marshalled)
	for _, secret := range []string{token.AccessToken(), fmt.Sprintf("%x", token.AccessToken())} {
		if strings.Contains(shown, secret) {
			t.Errorf("the secret is in %q", shown)
		}
	}
	if !strings.Contains(token.String(), "minted") {
		t.Error(token)
	}
}

func TestAPersistentStoreNeedsAName(t *testing.T) {
	settings := Settings{
		"provider": "boldsign", "environment": "us", "grant": "client-credentials", "client_id": "my-app",
		"client_secret": "s3cret", "store": "file:" + t.TempDir() + "/tokens",
	}
	_, err := New(settings)
	var reported *Error
	if !errors.As(err, &reported) || reported.Setting != "name" {
		t.Fatal(err)
	}
	client, err := New(settings, WithName("ann"))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}

func TestALongTokenEnlargesTheBuffer(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	token := access(t, client)
	room := make([]byte, 3)
	for range 2 {
		if again, err := client.peekInto(&room); err != nil || again != token {
			t.Fatalf("%v", err)
		}
	}
	if len(room) < len(token) || bytes.ContainsFunc(room, func(letter rune) bool { return letter != 0 }) {
		t.Error("the buffer was not wiped")
	}
}

func TestACancelledCallReturnsAtOnce(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.AccessToken(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := client.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	calls := map[string]func() error{
		"Token":      func() error { _, err := client.Token(ctx); return err },
		"Identity":   func() error { _, err := client.Identity(ctx); return err },
		"Events":     func() error { _, err := client.Events(ctx); return err },
		"Forget":     func() error { _, err := client.Forget(ctx); return err },
		"StartLogin": func() error { _, err := client.StartLogin(ctx, ""); return err },
		"Login":      func() error { _, err := client.Login(ctx, 0, func(string) error { return nil }); return err },
		"CheckSaved": func() error { return client.CheckSaved(ctx) },
		"Drain":      func() error { return client.Drain(ctx) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if requests(t) != 0 {
		t.Error("a request was sent")
	}

	// The response ends with the reset, so only the context can end the call.
	tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 5, "endless": true})
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	for requests(t) == 0 {
		time.Sleep(time.Millisecond)
	}
	fresh(t)
	access(t, client)
	if requests(t) != 0 {
		t.Error("the request did not continue")
	}
}

// How many threads a process of a few goroutines may have.
const fewThreads = 50

// waitForWaits waits until this many calls wait for the client's request.
func waitForWaits(t *testing.T, client *Client, waits uint64) {
	t.Helper()
	for {
		counts, err := client.Counts()
		if err != nil {
			t.Fatal(err)
		}
		if counts.Waits >= waits {
			return
		}
		runtime.Gosched()
	}
}

// Waiting goroutines must not hold a thread each: Go aborts a program with ten thousand threads.
// Whether their contexts can end makes no difference.
func TestWaitingGoroutinesDoNotHoldThreads(t *testing.T) {
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, ctx := range []context.Context{context.Background(), cancellable} {
		fresh(t)
		tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 20})
		client := dial(t, "docusign-jwt", nil)
		const waiting = 1000
		var all sync.WaitGroup
		for range waiting {
			all.Add(1)
			go func() {
				defer all.Done()
				if _, err := client.AccessToken(ctx); err != nil {
					t.Error(err)
				}
			}()
		}
		waitForWaits(t, client, waiting-1)
		if threads := threadCount(t); threads > fewThreads {
			t.Errorf("%d goroutines hold %d threads", waiting, threads)
		}
		all.Wait()
		if requests(t) != 1 {
			t.Errorf("%d requests", requests(t))
		}
	}
}

// A cached token is returned without starting a call.
func TestACachedTokenIsReturnedAtOnce(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	minted := access(t, client)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, minValid := range []time.Duration{0, time.Minute} {
		token, err := client.Token(ctx, MinValid(minValid))
		if err != nil || token.AccessToken() != minted || token.Source() != SourceCache {
			t.Fatalf("%v, %v", token, err)
		}
	}
	if requests(t) != 1 {
		t.Error("a request was sent")
	}
}

func threadCount(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	line, _, _ := strings.Cut(rest, "\n")
	count, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestMinValidIsRoundedUp(t *testing.T) {
	for given, wanted := range map[time.Duration]uint64{
		-time.Second: 0, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000,
	} {
		if got := milliseconds(given); got != wanted {
			t.Errorf("%s: %d", given, got)
		}
	}
}

func TestEventsAndCheckSaved(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-refresh", nil)
	access(t, client)
	events, err := client.Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	last := len(events) - 1
	if last < 0 || events[last].What != EventRefreshed || time.Since(events[last].At).Abs() > time.Minute {
		t.Errorf("%+v", events)
	}
	if err := client.CheckSaved(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestOnlyForceForgetDeletesAnUnrevokedGrant(t *testing.T) {
	fresh(t)
	client := dial(t, "salesforce-jwt", nil)
	ctx := context.Background()
	access(t, client)
	tell(t, "/_sandbox/faults", map[string]any{"status": 503, "endpoint": "revoke", "times": 2})
	forgotten, err := client.Forget(ctx)
	if err != nil || forgotten.Revocation != RevocationFailed {
		t.Fatal(forgotten, err)
	}
	if failureOf(t, forgotten.Reason).HTTPStatus != 503 {
		t.Fatal(forgotten.Reason)
	}
	if forgotten, err = client.ForceForget(ctx); err != nil || forgotten.Revocation != RevocationFailed {
		t.Fatal(forgotten, err)
	}
	if forgotten, err = client.Forget(ctx); err != nil || forgotten.Revocation != RevocationNothingHeld {
		t.Fatal(forgotten, err)
	}
	access(t, client)
}

func TestRefreshTokenExpiresAt(t *testing.T) {
	fresh(t)
	client := dial(t, "salesforce-refresh", nil)
	ctx := context.Background()
	if end, err := client.RefreshTokenExpiresAt(ctx); err != nil || !end.IsZero() {
		t.Fatal(end, err)
	}
	tell(t, "/_sandbox/faults", map[string]any{
		"status": 200, "content_type": "application/json",
		"body": `{"access_token":"a","refresh_token":"r1","refresh_token_expires_in":5000}`,
	})
	access(t, client)
	end, err := client.RefreshTokenExpiresAt(ctx)
	if left := time.Until(end); err != nil || left < 4900*time.Second || left > 5060*time.Second {
		t.Fatal(end, err)
	}
}

func TestConsentURL(t *testing.T) {
	fresh(t)
	page, err := dial(t, "docusign-jwt", nil).ConsentURL()
	if err != nil || !strings.HasPrefix(page, emulator.URL) {
		t.Errorf("%q, %v", page, err)
	}
	_, err = dial(t, "boldsign-cc", nil).ConsentURL()
	if failure := failureOf(t, err); failure.Setting != "redirect_uri" {
		t.Errorf("%#v", failure)
	}
}

// Cancelled calls leave neither goroutines nor threads.
func TestTenThousandCancelledCalls(t *testing.T) {
	fresh(t)
	// The response ends with the reset, so only the contexts can end the calls.
	tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 5, "endless": true})
	client := dial(t, "docusign-jwt", nil)
	ctx, cancel := context.WithCancel(context.Background())
	const calls = 10_000
	ended := make(chan error, calls)
	for range calls {
		go func() {
			_, err := client.Token(ctx)
			ended <- err
		}()
	}
	waitForWaits(t, client, calls-1)
	cancel()
	for range calls {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if threads := threadCount(t); threads > fewThreads {
		t.Errorf("the process has %d threads", threads)
	}
	fresh(t)
	access(t, client)
}
