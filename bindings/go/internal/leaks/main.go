// Command leaks creates, uses and drops the library's objects ten thousand times, and fails if the
// process grows. It leaves every third client to the garbage collector.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/internal/sandbox"
)

const (
	rounds    = 10_000
	warmUp    = 2_000
	maxGrowth = 4 << 20
	// The number of rounds that also request a token from a server.
	everyToken = 25
	newTokens  = 15
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	emulator, err := sandbox.Start()
	if err != nil {
		return err
	}
	defer emulator.Stop()
	loop, err := prepare(emulator)
	if err != nil {
		return err
	}
	var before int
	for round := range rounds {
		if round == warmUp {
			before = settledRSS()
		}
		if err := loop.once(round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	after := settledRSS()
	fmt.Printf("leaks: %d rounds, RSS %d KiB after %d and %d KiB at the end\n", rounds, before>>10, warmUp, after>>10)
	if after-before > maxGrowth {
		return fmt.Errorf("the process grew by %d KiB", (after-before)>>10)
	}
	return nil
}

// loop is the state that all rounds share.
type loop struct {
	emulator *sandbox.Sandbox
	pem      []byte
	settings countersign.Settings
}

func prepare(emulator *sandbox.Sandbox) (*loop, error) {
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der := x509.MarshalPKCS1PrivateKey(made)
	settings, err := emulator.Settings("docusign-code")
	if err != nil {
		return nil, err
	}
	settings["store"] = "memory"
	return &loop{
		emulator: emulator,
		pem:      pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}),
		settings: settings,
	}, nil
}

func (l *loop) once(round int) error {
	if err := l.client(round); err != nil {
		return err
	}
	if round%10 == 0 {
		if err := errors.Join(l.key(), l.browser()); err != nil {
			return err
		}
	}
	if round%everyToken == 0 {
		return l.token(round)
	}
	return nil
}

// client does what needs no server: a client with all callbacks, a started login, and errors.
func (l *loop) client(round int) error {
	client, err := countersign.New(l.settings, l.callbacks()...)
	if err != nil {
		return err
	}
	if _, err := client.AccessToken(context.Background()); countersign.VerdictOf(err) != countersign.VerdictReauthorize {
		return fmt.Errorf("a token without a login: %w", err)
	}
	login, err := client.StartLogin(context.Background(), "")
	if err != nil {
		return err
	}
	saved, err := login.Save()
	if err != nil {
		return err
	}
	if _, err := countersign.RestoreLogin(saved); err != nil {
		return err
	}
	if _, err := client.CompleteLogin(context.Background(), login, "error=access_denied"); err == nil {
		return errors.New("a denied login succeeded")
	}
	wrong := countersign.WithSettings(countersign.Settings{"subjekt": "x"})
	if _, err := countersign.New(l.settings, append(l.callbacks(), wrong)...); err == nil {
		return errors.New("an unknown setting was accepted")
	}
	if round%3 != 0 {
		return client.Close()
	}
	return nil
}

func (l *loop) callbacks() []countersign.Option {
	held := make([]byte, 1024)
	return []countersign.Option{
		countersign.WithListener(func(countersign.Change, *countersign.Token) { held[0]++ }),
		countersign.WithLogger(slog.New(slog.DiscardHandler)),
		countersign.WithClock(func() (time.Time, time.Duration) {
			return time.Now(), time.Since(started) + time.Duration(held[1])
		}),
	}
}

var started = time.Now()

var errNoDisplay = errors.New("no display")

// browser starts a login on this machine whose page can't be opened.
func (l *loop) browser() error {
	client, err := countersign.New(l.settings)
	if err != nil {
		return err
	}
	defer client.Close()
	held := make([]byte, 16<<10)
	_, err = client.Login(context.Background(), 0, func(string) error {
		held[0]++
		return errNoDisplay
	})
	if !errors.Is(err, errNoDisplay) {
		return fmt.Errorf("a login without a display: %w", err)
	}
	return nil
}

func (l *loop) key() error {
	key, err := countersign.ReadKey(l.pem, "")
	if err != nil {
		return err
	}
	defer key.Close()
	device, err := countersign.KeyFromSigner("RS256", "", func(message []byte) ([]byte, error) {
		return key.SignBytes("RS256", message)
	})
	if err != nil {
		return err
	}
	token, err := device.Sign([]byte(`{"iss":"somebody"}`), countersign.SignOptions{})
	if err != nil {
		return err
	}
	if _, err := key.Verify("RS256", token); err != nil {
		return err
	}
	if _, err := key.Verify("RS256", token+"x"); err == nil {
		return errors.New("a wrong signature was accepted")
	}
	_, err = key.Info()
	return err
}

// token requests a token with a context that is sometimes cancelled.
func (l *loop) token(round int) error {
	client, err := countersign.Load("boldsign-cc", append(l.callbacks(), countersign.WithFile(l.emulator.Connections),
		countersign.WithSettings(countersign.Settings{"store": "memory"}))...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if round%2 == 0 {
		go cancel()
	}
	if _, err := client.Token(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if _, err := client.AccessToken(context.Background()); err != nil {
		return err
	}
	for range newTokens {
		if _, err := client.Refresh(context.Background()); err != nil {
			return err
		}
	}
	if round%(10*everyToken) == 0 {
		return l.emulator.Reset()
	}
	return nil
}

// settledRSS returns the process's resident memory after Go has returned free memory to the system.
func settledRSS() int {
	for range 3 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		panic(err)
	}
	return pages * os.Getpagesize()
}
