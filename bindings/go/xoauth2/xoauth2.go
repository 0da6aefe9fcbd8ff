// Package xoauth2 makes a countersign.TokenSource an [oauth2.TokenSource], for libraries that take
// one, such as Google's API clients.
//
// oauth2.NewClient works with it, but doesn't react to a 401: use
// [countersign.Client.HTTPClient] for that.
package xoauth2

import (
	"context"
	"strings"
	"time"

	"golang.org/x/oauth2"

	countersign "github.com/countersign/countersign-go"
)

// How long oauth2 may cache a token whose expiry is unknown.
const unknownExpiry = time.Minute

// TokenSource returns a source for oauth2. Its calls use the context, because oauth2's have none.
//
// oauth2 caches a token until ten seconds before its expiry. If the expiry is unknown, Expiry is one
// minute from now, because oauth2 never renews a token without one.
func TokenSource(ctx context.Context, source countersign.TokenSource) oauth2.TokenSource {
	return tokenSource{ctx, source}
}

type tokenSource struct {
	ctx    context.Context
	source countersign.TokenSource
}

func (s tokenSource) Token() (*oauth2.Token, error) {
	token, err := s.source.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	return Token(token), nil
}

// Token converts a token. The vendor's additional members and "scope" are in [oauth2.Token.Extra].
// Its type is the scheme of the Authorization header, which is the only header that oauth2 sends:
// see [countersign.Token.Headers].
func Token(token *countersign.Token) *oauth2.Token {
	expiry := token.ExpiresAt()
	if expiry.IsZero() {
		expiry = time.Now().Add(unknownExpiry)
	}
	extra := map[string]any{}
	for name, value := range token.Extra() {
		extra[name] = value
	}
	if token.Scope() != "" {
		extra["scope"] = token.Scope()
	}
	scheme, _, _ := strings.Cut(token.Authorization(), " ")
	made := &oauth2.Token{AccessToken: token.AccessToken(), TokenType: scheme, Expiry: expiry}
	return made.WithExtra(extra)
}
