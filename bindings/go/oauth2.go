//go:build cgo

package countersign

import (
	"context"
	"time"

	"golang.org/x/oauth2"
)

var _ oauth2.TokenSource = (*Client)(nil)

// How long oauth2 may cache a token whose expiry is unknown.
const unknownExpiry = time.Minute

// Token returns the token for oauth2: it makes the client an [oauth2.TokenSource]. It has no
// context; see [Client.TokenSource].
//
// oauth2.NewClient caches a token until ten seconds before its expiry, and doesn't react to a 401:
// use [Client.HTTPClient] for that. If the expiry is unknown, Expiry is one minute from now,
// because oauth2 never renews a token without one.
func (c *Client) Token() (*oauth2.Token, error) {
	return c.oauth2Token(context.Background())
}

// TokenSource returns the client as an [oauth2.TokenSource] whose calls use the context.
func (c *Client) TokenSource(ctx context.Context) oauth2.TokenSource {
	return tokenSource{ctx, c}
}

type tokenSource struct {
	ctx    context.Context
	client *Client
}

func (s tokenSource) Token() (*oauth2.Token, error) {
	return s.client.oauth2Token(s.ctx)
}

func (c *Client) oauth2Token(ctx context.Context) (*oauth2.Token, error) {
	token, err := c.TokenContext(ctx, 0)
	if err != nil {
		return nil, err
	}
	expiry := token.expiresAt
	if expiry.IsZero() {
		expiry = time.Now().Add(unknownExpiry)
	}
	extra := map[string]any{}
	for name, value := range token.Extra() {
		extra[name] = value
	}
	if token.scope != "" {
		extra["scope"] = token.scope
	}
	made := &oauth2.Token{AccessToken: token.value, TokenType: token.tokenType, Expiry: expiry}
	return made.WithExtra(extra), nil
}
