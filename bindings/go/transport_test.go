package countersign

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// api is an API that responds to each request with the next status, and with 200 when none is left.
type api struct {
	*httptest.Server
	lock     sync.Mutex
	statuses []int
	// The targets of the redirects among them.
	locations []string
	// The received Authorization headers and bodies.
	headers, bodies []string
}

func newAPI(t *testing.T, statuses ...int) *api {
	served := &api{statuses: statuses}
	served.Server = httptest.NewServer(http.HandlerFunc(served.serve))
	t.Cleanup(served.Close)
	return served
}

func (a *api) serve(writer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	a.lock.Lock()
	defer a.lock.Unlock()
	a.headers = append(a.headers, request.Header.Get("Authorization"))
	a.bodies = append(a.bodies, string(body))
	status := http.StatusOK
	if len(a.statuses) > 0 {
		status, a.statuses = a.statuses[0], a.statuses[1:]
	}
	if status >= 300 && status < 400 {
		writer.Header().Set("Location", a.locations[0])
		a.locations = a.locations[1:]
	}
	writer.WriteHeader(status)
	_, _ = io.WriteString(writer, http.StatusText(status))
}

func statusOf(t *testing.T, response *http.Response, err error) int {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func TestA401RepeatsTheRequestWithAnotherToken(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	first := access(t, client)
	server := newAPI(t, http.StatusUnauthorized)
	response, err := client.HTTPClient().Post(server.URL, "text/plain", strings.NewReader("envelope"))
	if status := statusOf(t, response, err); status != http.StatusOK {
		t.Fatal(status)
	}
	second := access(t, client)
	if second == first {
		t.Error("the rejected token is still returned")
	}
	if len(server.headers) != 2 || server.headers[0] != "Bearer "+first || server.headers[1] != "Bearer "+second {
		t.Error("the first and the second token were not sent")
	}
	if strings.Join(server.bodies, ",") != "envelope,envelope" {
		t.Errorf("the bodies are %q", server.bodies)
	}
}

func TestARepeated401GoesToTheCaller(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	server := newAPI(t, http.StatusUnauthorized, http.StatusUnauthorized, http.StatusUnauthorized)
	response, err := client.HTTPClient().Get(server.URL)
	if status := statusOf(t, response, err); status != http.StatusUnauthorized || len(server.headers) != 2 {
		t.Errorf("%d after %d requests", status, len(server.headers))
	}
}

func TestABodyThatCannotBeReadAgainIsNotSentAgain(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	first := access(t, client)
	server := newAPI(t, http.StatusUnauthorized)
	request, err := http.NewRequest(http.MethodPost, server.URL, io.MultiReader(strings.NewReader("once")))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.HTTPClient().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized || string(said) != "Unauthorized" || len(server.bodies) != 1 {
		t.Errorf("%d %q after %d requests", response.StatusCode, said, len(server.bodies))
	}
	if access(t, client) == first {
		t.Error("the rejected token is still returned")
	}
}

// strictBase is a base that doesn't rewind a body by itself, as http.Transport may.
type strictBase struct {
	statuses []int
	bodies   []string
}

func (b *strictBase) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	b.bodies = append(b.bodies, string(body))
	status := b.statuses[0]
	b.statuses = b.statuses[1:]
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: request}, nil
}

func TestTheRepeatedRequestHasItsOwnBody(t *testing.T) {
	fresh(t)
	base := &strictBase{statuses: []int{http.StatusUnauthorized, http.StatusAccepted}}
	browser := http.Client{Transport: &Transport{Source: dial(t, "docusign-jwt", nil), Base: base}}
	response, err := browser.Post("https://api.test/", "text/plain", strings.NewReader("envelope"))
	if status := statusOf(t, response, err); status != http.StatusAccepted || !slices.Equal(base.bodies, []string{"envelope", "envelope"}) {
		t.Errorf("%d, %q", status, base.bodies)
	}
}

func TestTheCallersRequestIsNotChanged(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	server := newAPI(t, http.StatusUnauthorized)
	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&Transport{Source: client}).RoundTrip(request)
	statusOf(t, response, err)
	if len(request.Header) != 0 {
		t.Errorf("the header is %v", request.Header)
	}
}

func TestARedirectToAnotherOriginIsSentWithoutTheToken(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	token := access(t, client)
	const redirect = http.StatusTemporaryRedirect
	server, elsewhere := newAPI(t, redirect, redirect), newAPI(t, redirect, redirect)
	// Within the first host, to the other one, within that, and back.
	server.locations = []string{"/here", elsewhere.URL}
	elsewhere.locations = []string{"/there", server.URL + "/back"}
	response, err := client.HTTPClient().Get(server.URL)
	if status := statusOf(t, response, err); status != http.StatusOK {
		t.Fatal(status)
	}
	bearer := "Bearer " + token
	if !slices.Equal(server.headers, []string{bearer, bearer, ""}) || !slices.Equal(elsewhere.headers, []string{"", ""}) {
		t.Error("the token was sent to the wrong origin, or not to the right one")
	}
}

func TestA401FromAnotherOriginDoesNotInvalidateTheToken(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	token := access(t, client)
	server, elsewhere := newAPI(t, http.StatusFound), newAPI(t, http.StatusUnauthorized)
	server.locations = []string{elsewhere.URL}
	response, err := client.HTTPClient().Get(server.URL)
	if status := statusOf(t, response, err); status != http.StatusUnauthorized || len(elsewhere.headers) != 1 {
		t.Errorf("%d after %d requests", status, len(elsewhere.headers))
	}
	if access(t, client) != token || requests(t) != 1 {
		t.Error("another host's 401 invalidated the token")
	}
}

func TestAnOriginIsSchemeHostAndPort(t *testing.T) {
	for _, same := range []string{"https://api.test/x", "https://API.test:443/y"} {
		if originOf(get(t, same).URL) != "https://api.test:443" {
			t.Errorf("%s is %s", same, originOf(get(t, same).URL))
		}
	}
	for _, other := range []string{"http://api.test/", "https://api.test:8443/", "https://test/", "https://a.api.test/"} {
		if originOf(get(t, other).URL) == "https://api.test:443" {
			t.Errorf("%s is the same", other)
		}
	}
	// A redirect without its original request gets no token.
	request := get(t, "https://api.test/")
	request.Response = &http.Response{}
	if keepsToItsOrigin(request) {
		t.Error("a redirect without its original request gets the token")
	}
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestWithoutATokenNoRequestIsSent(t *testing.T) {
	fresh(t)
	client := dial(t, "boldsign-code", nil)
	server := newAPI(t)
	_, err := client.HTTPClient().Get(server.URL)
	if VerdictOf(err) != VerdictReauthorize || len(server.headers) != 0 {
		t.Error(err)
	}
}

func TestTheRequestsContextEndsTheWaitForAToken(t *testing.T) {
	fresh(t)
	// The response ends with the reset, so only the context can end the wait.
	tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 5, "endless": true})
	client := dial(t, "docusign-jwt", nil)
	server := newAPI(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.HTTPClient().Do(request); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	fresh(t)
	access(t, client)
}
