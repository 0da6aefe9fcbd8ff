package countersign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

var errDevice = errors.New("the device is asleep")

// signing builds a client whose assertions are signed by a function.
func signing(t *testing.T, sign func([]byte) ([]byte, error), options ...Option) *Client {
	t.Helper()
	settings, err := emulator.Settings("docusign-jwt")
	if err != nil {
		t.Fatal(err)
	}
	delete(settings, "private_key_file")
	settings["store"] = "memory"
	client, err := New(settings, append(options, WithSigner("RS256", "", sign))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestASignerReplacesTheKeyFile(t *testing.T) {
	fresh(t)
	signer := WithSigner("RS256", "", func([]byte) ([]byte, error) { return nil, errDevice })
	file := WithFile(emulator.Connections)
	_, err := Load("docusign-jwt", file, signer)
	if failure := failureOf(t, err); failure.Setting != "private_key" {
		t.Errorf("%#v", failure)
	}
	client := dial(t, "docusign-jwt", nil, signer, WithoutSetting("private_key"), WithoutSetting("private_key"))
	if _, err := client.AccessToken(context.Background()); !errors.Is(err, errDevice) {
		t.Error(err)
	}
	// Options apply in order.
	given := WithSettings(Settings{"private_key_env": "NO_SUCH_VARIABLE"})
	dial(t, "docusign-jwt", nil, given, signer, WithoutSetting("private_key"))
	_, err = Load("docusign-jwt", file, WithoutSetting("private_key"), given)
	if failure := failureOf(t, err); failure.Setting != "private_key_env" {
		t.Errorf("%#v", failure)
	}
	_, err = Load("docusign-jwt", file, WithoutSetting("private_kee"))
	if failure := failureOf(t, err); !strings.Contains(failure.Message, "`private_key`") {
		t.Errorf("%#v", failure)
	}
}

func TestTheSignersOwnErrorIsInTheChain(t *testing.T) {
	fresh(t)
	client := signing(t, func([]byte) ([]byte, error) { return nil, fmt.Errorf("slot 3: %w", errDevice) })
	_, err := client.AccessToken(context.Background())
	if !errors.Is(err, errDevice) || failureOf(t, err).Kind != KindSigning {
		t.Error(err)
	}
}

func TestASignerThatPanicsFails(t *testing.T) {
	fresh(t)
	client := signing(t, func([]byte) ([]byte, error) { panic("no device") })
	_, err := client.AccessToken(context.Background())
	cause := errors.Unwrap(failureOf(t, err))
	if cause == nil || !strings.Contains(cause.Error(), "no device") {
		t.Errorf("error %v, cause %v", err, cause)
	}
}

func TestASignatureThatIsTooLongIsRejected(t *testing.T) {
	fresh(t)
	client := signing(t, func([]byte) ([]byte, error) { return make([]byte, 100_000), nil })
	_, err := client.AccessToken(context.Background())
	if cause := errors.Unwrap(failureOf(t, err)); cause == nil || !strings.Contains(cause.Error(), "100000 bytes") {
		t.Error(err)
	}
}

func TestACallbackCannotCallItsClient(t *testing.T) {
	fresh(t)
	var client *Client
	var inner error
	client = signing(t, func([]byte) ([]byte, error) {
		_, inner = client.AccessToken(context.Background())
		return nil, errDevice
	})
	_, _ = client.AccessToken(context.Background())
	if !errors.Is(inner, ErrUsage) || errors.Is(inner, ErrClosed) {
		t.Error(inner)
	}
}

func TestTheSystemClockReplacesAClockThatPanics(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil, WithClock(func() (time.Time, time.Duration) { panic("no clock") }))
	access(t, client)
}

func TestAListenerThatPanicsIsLogged(t *testing.T) {
	fresh(t)
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	client := dial(t, "docusign-jwt", nil, WithLogger(logger), WithListener(func(Change, *Token) { panic("no ears") }))
	token := access(t, client)
	if !strings.Contains(log.String(), "no ears") {
		t.Errorf("the log is %q", log.String())
	}
	if strings.Contains(log.String(), token) {
		t.Error("the token was logged")
	}
}

func TestLibraryLogGoesToTheLogger(t *testing.T) {
	fresh(t)
	heard := map[slog.Level]int{}
	for _, level := range []slog.Level{slog.LevelError, slog.LevelInfo} {
		var log lockedBuffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		access(t, dial(t, "docusign-jwt", nil, WithLogger(logger)))
		heard[level] = strings.Count(log.String(), "\n")
	}
	if heard[slog.LevelError] != 0 || heard[slog.LevelInfo] == 0 {
		t.Errorf("lines by level: %v", heard)
	}
}

type callerKey struct{}

// callerHandler notes the caller of each line.
type callerHandler struct {
	slog.Handler
	lock    sync.Mutex
	callers map[any]int
}

func (h *callerHandler) Handle(ctx context.Context, _ slog.Record) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.callers[ctx.Value(callerKey{})]++
	return nil
}

// With the context, a handler can add the caller's trace id.
func TestLogLinesHaveTheCallersContext(t *testing.T) {
	fresh(t)
	handler := &callerHandler{Handler: slog.NewTextHandler(io.Discard, nil), callers: map[any]int{}}
	client := dial(t, "docusign-jwt", nil, WithLogger(slog.New(handler)))
	for _, caller := range []string{"first", "second"} {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), callerKey{}, caller))
		defer cancel()
		if _, err := client.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if handler.callers["first"] == 0 || handler.callers["first"] != handler.callers["second"] || len(handler.callers) != 2 {
		t.Errorf("lines by caller: %v", handler.callers)
	}
}

func TestTheOldestCallIsTheCaller(t *testing.T) {
	var calls callers
	named := func(name string) context.Context { return context.WithValue(context.Background(), callerKey{}, name) }
	leaveFirst := calls.add(named("first"))
	leaveSecond := calls.add(named("second"))
	for _, step := range []struct {
		leave func()
		then  any
	}{{func() {}, "first"}, {leaveFirst, "second"}, {leaveSecond, nil}} {
		step.leave()
		if caller := calls.oldest().Value(callerKey{}); caller != step.then {
			t.Errorf("%v, expected %v", caller, step.then)
		}
	}
}

func TestTheLogLevelMayChange(t *testing.T) {
	fresh(t)
	var log lockedBuffer
	var level slog.LevelVar
	level.Set(slog.LevelError)
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: &level}))
	client := dial(t, "docusign-jwt", nil, WithLogger(logger))
	refresh := func() {
		t.Helper()
		if _, err := client.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	if log.String() != "" {
		t.Errorf("the log is %q", log.String())
	}
	level.Set(slog.LevelDebug)
	refresh()
	if !strings.Contains(log.String(), "level=DEBUG") {
		t.Errorf("the log is %q", log.String())
	}
}

func TestTheListenerGetsTheToken(t *testing.T) {
	fresh(t)
	var heard []string
	client := dial(t, "boldsign-refresh", nil, WithListener(func(change Change, token *Token) {
		heard = append(heard, string(change)+" "+token.AccessToken())
	}))
	if token := access(t, client); len(heard) != 1 || heard[0] != "rotated "+token {
		t.Errorf("the listener was called %d times", len(heard))
	}
}

// lockedBuffer is a log buffer for several threads.
type lockedBuffer struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.String()
}

func TestConcurrentFailuresKeepTheirOwnCauses(t *testing.T) {
	var bothFail sync.WaitGroup
	bothFail.Add(2)
	key, err := KeyFromSigner("ES256", "", func(message []byte) ([]byte, error) {
		bothFail.Done()
		bothFail.Wait()
		return nil, errors.New(string(message))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	var ended sync.WaitGroup
	for _, input := range []string{"one", "two"} {
		ended.Add(1)
		go func() {
			defer ended.Done()
			_, err := key.SignBytes("", []byte(input))
			if cause := errors.Unwrap(err); cause == nil || cause.Error() != input {
				t.Errorf("the cause of %s is %v", input, cause)
			}
		}()
	}
	ended.Wait()
}

func TestADrainedClientStartsNoRequest(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	token := access(t, client)
	if err := client.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if access(t, client) != token {
		t.Error("the cached token is not returned")
	}
	if err := client.InvalidateAccessToken(context.Background(), token); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AccessToken(context.Background()); failureOf(t, err).Kind != KindBusy {
		t.Error(err)
	}
}
