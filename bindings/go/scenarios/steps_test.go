package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	countersign "github.com/countersign/countersign-go"
)

func (s *stage) do(step step) error {
	ctx := context.Background()
	switch step.word {
	case "token":
		minValid := time.Duration(step.number("min_valid_s")) * time.Second
		token, err := s.client.Token(ctx, countersign.MinValid(minValid))
		return s.got(step, token, err)
	case "refresh":
		token, err := s.client.Refresh(ctx)
		return s.got(step, token, err)
	case "login":
		token, err := s.login(ctx, step.text("decision"))
		return s.got(step, token, err)
	case "invalidate":
		token, known := s.tokens[step.text("token")]
		if !known {
			return fmt.Errorf("there is no token %q", step.text("token"))
		}
		return s.client.Invalidate(ctx, token)
	case "identity":
		identity, err := s.client.Identity(ctx)
		return expected(step.expect, err, func(name string, value any) error {
			return checkExtra(name, value, identity)
		})
	case "forget":
		forget := s.client.Forget
		if step.members["force"] == true {
			forget = s.client.ForceForget
		}
		forgotten, err := forget(ctx)
		return expected(step.expect, err, func(name string, value any) error {
			return checkMember(name, "revocation", value, string(forgotten.Revocation))
		})
	case "drain":
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return s.client.Drain(ctx)
	case "counts":
		counts, err := s.client.Counts()
		return expected(step.expect, err, func(name string, value any) error {
			return checkNumber(name, value, map[string]int64{
				"hits": int64(counts.Hits), "adopted": int64(counts.Adopted), "minted": int64(counts.Minted),
				"refreshed": int64(counts.Refreshed), "waits": int64(counts.Waits), "failures": int64(counts.Failures),
			})
		})
	case "advance":
		offset := s.clock.offset.Add(int64(step.number("s")) * int64(time.Second))
		return s.sandbox.Tell("/_sandbox/clock", map[string]int64{"offset_s": offset / int64(time.Second)})
	case "sandbox":
		return s.sandbox.Tell(step.text("post"), step.members["body"])
	case "reopen":
		return s.reopen()
	case "threads":
		return s.threads(step)
	case "cancel":
		return s.cancel()
	case "api":
		return s.api(step)
	case "events":
		return s.events(step.expect)
	case "close_in_use":
		return s.closeInUse(step.number("count"))
	case "collect":
		return s.collect(step.number("rounds"))
	default:
		return fmt.Errorf("unknown step")
	}
}

// got compares a token or an error to `expect`, and keeps the token under its name.
func (s *stage) got(step step, token *countersign.Token, err error) error {
	if err == nil && step.name != "" {
		defer func() { s.tokens[step.name] = token }()
	}
	return expected(step.expect, err, func(name string, value any) error {
		return s.checkToken(name, value, token)
	})
}

func (s *stage) login(ctx context.Context, decision string) (*countersign.Token, error) {
	login, err := s.client.StartLogin(ctx, "")
	if err != nil {
		return nil, err
	}
	defer login.Close()
	callback, err := s.sandbox.Authorize(login.URL(), decision)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(callback, login.State()) {
		return nil, fmt.Errorf("the login's state is not in %s", callback)
	}
	return s.client.CompleteLogin(ctx, login, callback)
}

func (s *stage) reopen() error {
	if err := s.client.Close(); err != nil {
		return err
	}
	client, err := s.open()
	if err == nil {
		s.client = client
	}
	return err
}

func (s *stage) api(step step) error {
	before, err := s.sandbox.Log()
	if err != nil {
		return err
	}
	browser := http.Client{Transport: &countersign.Transport{Source: s.client, Base: s.sandbox.Transport()}}
	response, err := browser.Get(s.sandbox.URL + step.text("path"))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil {
		return err
	}
	after, err := s.sandbox.Log()
	if err != nil {
		return err
	}
	return expected(step.expect, nil, func(name string, value any) error {
		return checkNumber(name, value, map[string]int64{
			"status": int64(response.StatusCode), "token_requests": int64(len(after) - len(before)),
		})
	})
}

// events waits until the listener has received the expected changes, for at most five seconds.
func (s *stage) events(expect map[string]any) error {
	deadline := time.Now().Add(time.Minute)
	for {
		err := expected(expect, nil, func(name string, value any) error {
			return checkNumber(name, value, map[string]int64{
				"obtained": s.heard.obtained.Load(), "rotated": s.heard.rotated.Load(),
				"forgotten": s.heard.forgotten.Load(),
			})
		})
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
