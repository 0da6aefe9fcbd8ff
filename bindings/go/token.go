package countersign

// #include "bridge.h"
import "C"

import (
	"fmt"
	"time"
)

// Token is an access token. Immutable. It stays what it is when the client gets another. Printing it shows no secret.
type Token struct {
	value, authorization string
	tokenType, scope     string
	expiresAt            time.Time
	source               Source
	extraJSON            string
}

// AccessToken is the bare access token. A secret: do not log it.
func (t *Token) AccessToken() string { return t.value }

// Authorization is the value for an HTTP Authorization header, nearly always "Bearer ..." (RFC 6750). A secret.
func (t *Token) Authorization() string { return t.authorization }

// TokenType is how the token is presented, as the vendor writes it, nearly always "Bearer".
func (t *Token) TokenType() string { return t.tokenType }

// Scope is the scopes granted, separated by spaces; empty if the vendor doesn't say.
func (t *Token) Scope() string { return t.scope }

// ExpiresAt is when the token ends; the zero time where the vendor does not say.
func (t *Token) ExpiresAt() time.Time { return t.expiresAt }

// Source is where the token came from this time.
func (t *Token) Source() Source { return t.source }

// Extra is what the vendor adds to the token, by name, such as "instance_url". The map is the caller's.
func (t *Token) Extra() map[string]string {
	extra, err := parsed[map[string]string](t.extraJSON)
	if err != nil || extra == nil {
		return map[string]string{}
	}
	return extra
}

// String describes the token without its secret.
func (t Token) String() string {
	expiry := "no known expiry"
	if !t.expiresAt.IsZero() {
		expiry = "expires " + t.expiresAt.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("countersign.Token(%s, %s, %s)", t.tokenType, t.source, expiry)
}

// GoString is [Token.String], so that %#v shows no secret either.
func (t Token) GoString() string { return t.String() }

// Format is [Token.String] for every verb.
func (t Token) Format(state fmt.State, _ rune) { fmt.Fprint(state, t.String()) }

// readToken copies a token of the library's, which stays whose it is.
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
