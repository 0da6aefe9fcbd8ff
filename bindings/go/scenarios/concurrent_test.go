package scenarios

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	countersign "github.com/countersign/countersign-go"
)

// threads requests a token from many goroutines at the same time.
func (s *stage) threads(step step) error {
	count := step.number("count")
	tokens := make([]*countersign.Token, count)
	errs := make([]error, count)
	released := make(chan struct{})
	var all sync.WaitGroup
	for at := range count {
		all.Add(1)
		go func() {
			defer all.Done()
			<-released
			tokens[at], errs[at] = s.client.Token(context.Background())
		}()
	}
	close(released)
	all.Wait()
	for at := range count {
		if err := s.got(step, tokens[at], errs[at]); err != nil {
			return fmt.Errorf("goroutine %d: %w", at, err)
		}
		if errs[at] == nil && tokens[at].AccessToken() != tokens[0].AccessToken() {
			return fmt.Errorf("goroutine %d got another token", at)
		}
	}
	return nil
}

// cancel cancels a call when its request is in flight.
func (s *stage) cancel() error {
	before, err := s.sandbox.Log()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := s.client.AccessToken(ctx)
		ended <- err
	}()
	deadline := time.Now().Add(time.Minute)
	for {
		log, err := s.sandbox.Log()
		if err != nil {
			return err
		}
		if len(log) > len(before) {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("no request arrived within a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case err := <-ended:
		return fmt.Errorf("the call ended before it was cancelled: %w", err)
	default:
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("the caller got %w", err)
		}
		return nil
	case <-time.After(time.Second):
		return errors.New("the caller was not notified within 1 s")
	}
}

// closeInUse closes the client while goroutines use it.
func (s *stage) closeInUse(count int) error {
	one := make(chan struct{}, count)
	ended := make(chan error, count)
	for range count {
		go func() {
			for first := true; ; first = false {
				_, err := s.client.AccessToken(context.Background())
				if err != nil {
					ended <- err
					return
				}
				if first {
					one <- struct{}{}
				}
			}
		}()
	}
	for range count {
		select {
		case <-one:
		case err := <-ended:
			return fmt.Errorf("a call failed before the client was closed: %w", err)
		}
	}
	if err := s.client.Close(); err != nil {
		return err
	}
	deadline := time.After(time.Minute)
	for range count {
		select {
		case err := <-ended:
			if !errors.Is(err, countersign.ErrClosed) {
				return fmt.Errorf("a call ended with %w", err)
			}
		case <-deadline:
			return errors.New("a call did not end within a minute")
		}
	}
	if _, err := s.client.Token(context.Background()); !errors.Is(err, countersign.ErrClosed) {
		return fmt.Errorf("a call after that returned %w", err)
	}
	return nil
}

// collect drops clients without closing them while the garbage collector runs.
func (s *stage) collect(rounds int) error {
	for round := range rounds {
		own, err := s.client.AccessToken(context.Background())
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		dropped, err := s.open()
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		token, err := dropped.AccessToken(context.Background())
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if token != own {
			return fmt.Errorf("round %d: another token", round)
		}
		if round%10 == 9 {
			runtime.GC()
		}
	}
	runtime.GC()
	return nil
}
