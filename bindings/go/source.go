//go:build cgo

package countersign

import (
	"context"
	"time"
)

// TokenSource returns access tokens and replaces those that an API rejected. [Client] implements
// it, and [Transport] uses it. Take a TokenSource instead of a [*Client], and your unit tests can
// use a fake: see the package countersigntest.
type TokenSource interface {
	// Token returns a valid token. Its caller may be one of many goroutines.
	Token(ctx context.Context, options ...TokenOption) (*Token, error)
	// Invalidate reports a token that an API rejected with 401, so that Token doesn't return it
	// again.
	Invalidate(ctx context.Context, token *Token) error
}

var _ TokenSource = (*Client)(nil)

// TokenOption is an option of [TokenSource.Token].
type TokenOption func(*TokenOptions)

// TokenOptions are what the options of [TokenSource.Token] set. Only implementations of
// [TokenSource] need them.
type TokenOptions struct {
	// MinValid is how long the token must be valid for at least. 0 means the default.
	MinValid time.Duration
}

// MinValid sets how long the token must be valid for at least. It defaults to the setting
// min_valid_s.
func MinValid(d time.Duration) TokenOption {
	return func(o *TokenOptions) { o.MinValid = d }
}

// tokenOptions applies the options.
func tokenOptions(options []TokenOption) TokenOptions {
	var applied TokenOptions
	for _, option := range options {
		option(&applied)
	}
	return applied
}
