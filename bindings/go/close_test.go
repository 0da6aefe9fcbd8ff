package countersign

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// heldServer is a token endpoint that rotates the refresh token and holds its response until it is
// released.
type heldServer struct {
	*httptest.Server
	requests atomic.Int32
	// Closed when the first request arrives.
	arrived chan struct{}
	// Releases the responses.
	release func()
}

func newHeldServer(t *testing.T) *heldServer {
	released := make(chan struct{})
	held := &heldServer{
		arrived: make(chan struct{}),
		release: sync.OnceFunc(func() { close(released) }),
	}
	held.Server = httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		if held.requests.Add(1) == 1 {
			close(held.arrived)
		}
		<-released
		writer.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(writer,
			`{"access_token":"rotated","token_type":"Bearer","expires_in":3600,"refresh_token":"next"}`)
	}))
	t.Cleanup(held.Close)
	t.Cleanup(held.release)
	return held
}

// client builds a client for this server, with a file store in this folder.
func (h *heldServer) client(t *testing.T, folder string) *Client {
	t.Helper()
	client, err := New(Settings{
		"provider": "boldsign", "environment": "us", "grant": "refresh-token", "base_url": h.URL,
		"client_id": "my-app", "client_secret": "s3cret", "redirect_uri": "http://127.0.0.1/callback",
		// A unique refresh token: the library remembers spent ones independently of the store.
		"refresh_token": "first of " + folder, "store": "file:" + filepath.Join(folder, "tokens"),
	}, WithName("held"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestCloseWaitsForARefreshThatWasSent(t *testing.T) {
	server, folder := newHeldServer(t), t.TempDir()
	client := server.client(t, folder)
	asked := make(chan error, 1)
	go func() {
		_, err := client.AccessToken(context.Background())
		asked <- err
	}()
	select {
	case <-server.arrived:
	case err := <-asked:
		t.Fatalf("the call ended without a request: %v", err)
	}

	closed := make(chan error, 1)
	go func() { closed <- client.Close() }()
	select {
	case <-closed:
		t.Fatal("Close returned before the response arrived")
	case <-time.After(300 * time.Millisecond):
	}
	server.release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}

	if token := access(t, server.client(t, folder)); token != "rotated" || server.requests.Load() != 1 {
		t.Errorf("the store has %q after %d requests", token, server.requests.Load())
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	server := newHeldServer(t)
	client := server.client(t, t.TempDir())
	asked := make(chan error, 1)
	go func() {
		_, err := client.AccessToken(context.Background())
		asked <- err
	}()
	<-server.arrived
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := client.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	server.release()
	if err := <-asked; err != nil {
		t.Error(err)
	}
	if err := client.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}
