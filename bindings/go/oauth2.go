//go:build cgo

package countersign

import (
	"context"
	"time"

	"golang.org/x/oauth2"
)

var _ oauth2.TokenSource = (*Client)(nil)

// How long oauth2 may hold a token of which nobody knows when it ends.
const unknownExpiry = time.Minute

// Token makes the client an [oauth2.TokenSource], so that oauth2.NewClient takes it. It does not take a context; see
// [Client.TokenSource].
//
// The source that oauth2.NewClient makes of it holds a token until ten seconds before it ends, and does not hear that an
// API refused it: [Client.HTTPClient] does. Where the vendor does not say when a token ends, Expiry is a minute away,
// since oauth2 takes none for "never" and would not ask again.
func (c *Client) Token() (*oauth2.Token, error) {
	return c.oauth2Token(context.Background())
}

// TokenSource is the client as an [oauth2.TokenSource] whose calls end with the context.
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
