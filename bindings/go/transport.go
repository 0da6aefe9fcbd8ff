//go:build cgo

package countersign

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Transport is an [http.RoundTripper] that adds a token's headers to requests. If the API responds with 401,
// it invalidates that token, gets another one and repeats the request once. The second response goes
// to the caller, whatever it is. A request is not repeated if its body can't be read again (no
// GetBody).
//
// If the http.Client follows a redirect to another origin (scheme, host or port), that request is
// sent without the token. A plain http request to another machine fails with [ErrUsage], because the
// token is not sent in clear text.
type Transport struct {
	// Source provides the token, such as a [*Client].
	Source TokenSource
	// Base sends the requests. It defaults to http.DefaultTransport.
	Base http.RoundTripper
	// Origins are the only origins that requests may have, such as "https://api.example.com". Any
	// other request fails with [ErrUsage]. If Origins is empty, every origin is allowed.
	Origins []string
}

// HTTPClient returns an http.Client that adds the client's token to requests: see [Transport].
func (c *Client) HTTPClient() *http.Client {
	return &http.Client{Transport: &Transport{Source: c}}
}

// RoundTrip sends a request, and repeats it once if its token was rejected.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !keepsToItsOrigin(request) {
		return t.base().RoundTrip(request)
	}
	if err := t.check(request.URL); err != nil {
		closeBody(request)
		return nil, err
	}
	ctx := request.Context()
	token, err := t.Source.Token(ctx)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	first, err := authorized(request, token)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	response, err := t.base().RoundTrip(first)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	if err := t.Source.Invalidate(ctx, token); err != nil {
		discard(response)
		return nil, err
	}
	again, ok := repeated(request)
	if !ok {
		return response, nil
	}
	other, err := t.Source.Token(ctx)
	if err != nil {
		discard(response)
		closeBody(again)
		return nil, err
	}
	if other.value == token.value {
		closeBody(again)
		return response, nil
	}
	discard(response)
	second, err := authorized(again, other)
	if err != nil {
		closeBody(again)
		return nil, err
	}
	return t.base().RoundTrip(second)
}

// CloseIdleConnections closes the idle connections of the base. [http.Client.CloseIdleConnections]
// calls it.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// check rejects requests that must not get the token.
func (t *Transport) check(target *url.URL) error {
	if t.Source == nil {
		return misuse("the Transport has no Source", "set Transport.Source, for example to a Client")
	}
	if err := checkTarget(target); err != nil || len(t.Origins) == 0 {
		return err
	}
	for _, origin := range t.Origins {
		allowed, err := url.Parse(origin)
		if err != nil || allowed.Host == "" {
			return misuse("Transport.Origins has "+strconv.Quote(origin), "use origins such as https://api.example.com")
		}
		if originOf(allowed) == originOf(target) {
			return nil
		}
	}
	return misuse(
		"the token is not sent to "+originOf(target),
		"add it to Transport.Origins, or send the request with another http.Client",
	)
}

// checkTarget rejects a URL to which the token would be sent in clear text.
func checkTarget(target *url.URL) error {
	if target.Scheme == "https" || target.Scheme == "http" && isLoopback(target.Hostname()) {
		return nil
	}
	return misuse(
		"the token is not sent to "+target.Hostname()+" over "+target.Scheme,
		"use https; plain http is allowed only to localhost and loopback addresses",
	)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// keepsToItsOrigin reports whether a request and all redirects that led to it have the origin of
// the caller's request.
func keepsToItsOrigin(request *http.Request) bool {
	origin := originOf(request.URL)
	for request.Response != nil {
		request = request.Response.Request
		if request == nil || originOf(request.URL) != origin {
			return false
		}
	}
	return true
}

// originOf returns the origin of a URL, with its port.
func originOf(target *url.URL) string {
	port := target.Port()
	if port == "" {
		port = defaultPorts[target.Scheme]
	}
	return target.Scheme + "://" + net.JoinHostPort(strings.ToLower(target.Hostname()), port)
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// authorized returns a copy of the request with the token. A RoundTripper must not change its
// request.
func authorized(request *http.Request, token *Token) (*http.Request, error) {
	headers, err := token.Headers()
	if err != nil {
		return nil, err
	}
	copied := request.Clone(request.Context())
	for name, values := range headers {
		copied.Header[name] = values
	}
	return copied, nil
}

// repeated returns the request with an unread body, if possible.
func repeated(request *http.Request) (*http.Request, bool) {
	again := request.Clone(request.Context())
	if request.Body == nil || request.Body == http.NoBody {
		return again, true
	}
	if request.GetBody == nil {
		return nil, false
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, false
	}
	again.Body = body
	return again, true
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

// discard reads the rest of a response, up to a limit, so that its connection can be reused.
func discard(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
}
