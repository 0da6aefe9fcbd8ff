package countersign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/countersign/countersign-go/internal/sandbox"
)

// All tests share one sandbox. It is nil if there is no command.
var emulator *sandbox.Sandbox

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	started, err := sandbox.Start()
	if err != nil && !errors.Is(err, sandbox.ErrNoCommand) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err == nil {
		emulator = started
		defer started.Stop()
		if err := started.AddProfiles(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// fresh resets the sandbox and returns it.
func fresh(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	if emulator == nil {
		t.Skip(sandbox.ErrNoCommand)
	}
	if err := emulator.Reset(); err != nil {
		t.Fatal(err)
	}
	return emulator
}

// dial builds a client for one of the sandbox's connections, with overridden settings.
func dial(t *testing.T, connection string, settings Settings, options ...Option) *Client {
	t.Helper()
	whole := Settings{"store": "memory"}
	maps.Copy(whole, settings)
	options = append(options, WithFile(emulator.Connections), WithSettings(whole))
	client, err := Load(connection, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func tell(t *testing.T, path string, body any) {
	t.Helper()
	if err := emulator.Tell(path, body); err != nil {
		t.Fatal(err)
	}
}

// requests returns how many token requests the sandbox has received.
func requests(t *testing.T) int {
	t.Helper()
	log, err := emulator.Log()
	if err != nil {
		t.Fatal(err)
	}
	return len(log)
}

func access(t *testing.T, client *Client) string {
	t.Helper()
	token, err := client.AccessToken(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func failureOf(t *testing.T, err error) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) {
		t.Fatalf("not an *Error: %v", err)
	}
	return failure
}
