package countersign

// #include "bridge.h"
import "C"

import (
	"fmt"
	"time"
)

// Token is an access token. It is immutable, and printing it shows no secret.
type Token struct {
	value, authorization string
	tokenType, scope     string
	expiresAt            time.Time
	source               Source
	extraJSON            string
}

// NewToken returns a bearer token for an implementation of [TokenSource]. The expiry may be the zero
// time, if it is unknown.
func NewToken(accessToken string, expiresAt time.Time) *Token {
	return &Token{
		value:         accessToken,
		authorization: "Bearer " + accessToken,
		tokenType:     "Bearer",
		expiresAt:     expiresAt,
		source:        SourceMinted,
		extraJSON:     "{}",
	}
}

// AccessToken returns the access token string. It is a secret: don't log it.
func (t *Token) AccessToken() string { return t.value }

// Authorization returns the value of the HTTP Authorization header, nearly always "Bearer ..." (RFC
// 6750). It is a secret.
func (t *Token) Authorization() string { return t.authorization }

// TokenType returns the token type as the vendor sent it, nearly always "Bearer".
func (t *Token) TokenType() string { return t.tokenType }

// Scope returns the granted scopes, separated by spaces. It is empty if the vendor doesn't say.
func (t *Token) Scope() string { return t.scope }

// ExpiresAt returns when the token expires. It is the zero time if the vendor doesn't say.
func (t *Token) ExpiresAt() time.Time { return t.expiresAt }

// Source returns where this call got the token from.
func (t *Token) Source() Source { return t.source }

// Extra returns the vendor's additional members of the token, such as "instance_url". The caller
// owns the map.
func (t *Token) Extra() map[string]string {
	extra, err := parsed[map[string]string](t.extraJSON)
	if err != nil || extra == nil {
		return map[string]string{}
	}
	return extra
}

// String describes the token without the secret.
func (t Token) String() string {
	expiry := "no known expiry"
	if !t.expiresAt.IsZero() {
		expiry = "expires " + t.expiresAt.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("countersign.Token(%s, %s, %s)", t.tokenType, t.source, expiry)
}

// GoString returns [Token.String], so that %#v shows no secret.
func (t Token) GoString() string { return t.String() }

// Format writes [Token.String] for every verb.
func (t Token) Format(state fmt.State, _ rune) { fmt.Fprint(state, t.String()) }

// readToken copies a token of the library without taking ownership.
func readToken(fields C.countersign_go_token) *Token {
	token := &Token{
		value:         goText(fields.value),
		authorization: goText(fields.authorization),
		tokenType:     goText(fields._type),
		scope:         goText(fields.scope),
		source:        sourceOf(fields.source),
		extraJSON:     goText(fields.extra_json),
	}
	if fields.expires_at >= 0 {
		token.expiresAt = time.Unix(int64(fields.expires_at), 0)
	}
	return token
}
