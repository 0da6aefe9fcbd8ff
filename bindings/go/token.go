package countersign

// #include "bridge.h"
import "C"

import (
	"fmt"
	"net/http"
	"time"
)

// Token is an access token. It is immutable, and printing it shows no secret.
type Token struct {
	value, authorization string
	tokenType, scope     string
	expiresAt            time.Time
	source               Source
	extraJSON            string
	// The headers that carry it, or why there are none. Both are nil if it is Authorization alone.
	headers    http.Header
	headersErr error
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

// Headers returns all headers that an API request needs to carry the token. That is Authorization,
// unless the vendor's profile names another header, or further headers beside it, such as a tenant's
// ID. They are secrets, and the caller owns them.
//
// It fails if a header needs a value that the token doesn't have. The error's hint says what to do.
func (t *Token) Headers() (http.Header, error) {
	if t.headers == nil && t.headersErr == nil {
		return http.Header{"Authorization": {t.authorization}}, nil
	}
	return t.headers.Clone(), t.headersErr
}

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

// readToken copies a token of the library, and these fields of it, without taking ownership.
func readToken(from *C.csign_token, fields C.countersign_go_token) *Token {
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
	if !fields.has_usual_headers {
		token.headers, token.headersErr = readHeaders(from)
	}
	return token
}

func readHeaders(from *C.csign_token) (http.Header, error) {
	counted := C.countersign_go_count_headers(from)
	if err := failure(counted.status, counted.error); err != nil {
		return nil, err
	}
	headers := http.Header{}
	for i := C.size_t(0); i < counted.count; i++ {
		name := C.GoString(C.csign_token_header_name(from, i, nil))
		headers.Set(name, C.GoString(C.csign_token_header_value(from, i, nil)))
	}
	return headers, nil
}
