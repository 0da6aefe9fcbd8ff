// Package countersigntest helps to test programs that use countersign: [StaticSource] is a fake
// source of tokens for unit tests, and [NewSandbox] runs a local stand-in for the vendors' token
// services.
package countersigntest

import (
	"context"
	"sync"
	"time"

	countersign "github.com/countersign/countersign-go"
)

// Source is a fake [countersign.TokenSource]. It sends no requests. Any number of goroutines may
// use it.
type Source struct {
	lock   sync.Mutex
	tokens []string
	err    error
	// The tokens that were invalidated.
	invalidated []string
}

var _ countersign.TokenSource = (*Source)(nil)

// StaticSource returns a source of this access token. If the token is invalidated, the next one
// replaces it; the last one stays.
func StaticSource(accessToken string, next ...string) *Source {
	return &Source{tokens: append([]string{accessToken}, next...)}
}

// Fail makes later calls of Token fail with this error, for example with a [*countersign.Error]. A
// nil error ends that.
func (s *Source) Fail(err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.err = err
}

// Token returns the current token, which is valid for an hour.
func (s *Source) Token(ctx context.Context, options ...countersign.TokenOption) (*countersign.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var asked countersign.TokenOptions
	for _, option := range options {
		option(&asked)
	}
	return countersign.NewToken(s.tokens[0], time.Now().Add(max(time.Hour, asked.MinValid))), nil
}

// Invalidate replaces the token by the next one.
func (s *Source) Invalidate(_ context.Context, token *countersign.Token) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.invalidated = append(s.invalidated, token.AccessToken())
	if len(s.tokens) > 1 && s.tokens[0] == token.AccessToken() {
		s.tokens = s.tokens[1:]
	}
	return nil
}

// Invalidated returns the access tokens that were invalidated, in order.
func (s *Source) Invalidated() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return append([]string(nil), s.invalidated...)
}
