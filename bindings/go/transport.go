//go:build cgo

package countersign

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Transport is an [http.RoundTripper] that adds the client's token to requests. If the API responds
// with 401, it invalidates that token, gets another one and repeats the request once. The second
// response goes to the caller, whatever it is. A request is not repeated if its body can't be read
// again (no GetBody).
//
// If the http.Client follows a redirect to another scheme, host or port, that request is sent
// without the token. A plain http request to another machine fails with an [*Error] of the kind
// "usage", because the token is not sent in clear text.
type Transport struct {
	// Client provides the token.
	Client *Client
	// Base sends the requests. It defaults to http.DefaultTransport.
	Base http.RoundTripper
}

// HTTPClient returns an http.Client that adds the client's token to requests: see [Transport].
func (c *Client) HTTPClient() *http.Client {
	return &http.Client{Transport: &Transport{Client: c}}
}

// RoundTrip sends a request, and repeats it once if its token was rejected.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !keepsToItsOrigin(request) {
		return t.base().RoundTrip(request)
	}
	if err := checkTarget(request.URL); err != nil {
		closeBody(request)
		return nil, err
	}
	token, err := t.Client.TokenContext(request.Context(), 0)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	response, err := t.base().RoundTrip(authorized(request, token))
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	if err := t.Client.Invalidate(token.value); err != nil {
		discard(response)
		return nil, err
	}
	again, ok := repeated(request)
	if !ok {
		return response, nil
	}
	other, err := t.Client.TokenContext(request.Context(), 0)
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
	return t.base().RoundTrip(authorized(again, other))
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// checkTarget rejects a URL to which the token would be sent in clear text.
func checkTarget(target *url.URL) error {
	if target.Scheme == "https" || target.Scheme == "http" && isLoopback(target.Hostname()) {
		return nil
	}
	return misuse(
		StatusBadArgument,
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
	origin := originOf(request)
	for request.Response != nil {
		request = request.Response.Request
		if request == nil || originOf(request) != origin {
			return false
		}
	}
	return true
}

func originOf(request *http.Request) string {
	port := request.URL.Port()
	if port == "" {
		port = defaultPorts[request.URL.Scheme]
	}
	return request.URL.Scheme + "://" + strings.ToLower(request.URL.Hostname()) + ":" + port
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// authorized returns a copy of the request with the token. A RoundTripper must not change its
// request.
func authorized(request *http.Request, token *Token) *http.Request {
	copied := request.Clone(request.Context())
	copied.Header.Set("Authorization", token.authorization)
	return copied
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
