package countersign_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/countersigntest"
)

// recorder is a base that responds with one status and records the tokens. It has no network.
type recorder struct {
	status int
	lock   sync.Mutex
	tokens []string
	idle   int
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.tokens = append(r.tokens, request.Header.Get("Authorization"))
	return &http.Response{StatusCode: r.status, Body: http.NoBody, Request: request}, nil
}

func (r *recorder) CloseIdleConnections() { r.idle++ }

func (r *recorder) received() []string {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.tokens)
}

func TestOnlyAllowedOriginsGetTheToken(t *testing.T) {
	base := &recorder{status: http.StatusOK}
	browser := http.Client{Transport: &countersign.Transport{
		Source: countersigntest.StaticSource("one"), Base: base,
		Origins: []string{"https://api.test", "https://eu.api.test:8443/"},
	}}
	allowed := []string{"https://api.test/a", "https://API.test:443/b", "https://eu.api.test:8443/c"}
	for _, target := range allowed {
		if response, err := browser.Get(target); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %v", target, err)
		}
	}
	for _, target := range []string{
		"https://api.test.example/", "https://api.test:8443/", "https://eu.api.test/", "http://127.0.0.1/", "https://a@b.test/",
	} {
		if _, err := browser.Get(target); !errors.Is(err, countersign.ErrUsage) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if got := base.received(); len(got) != len(allowed) {
		t.Errorf("%v", got)
	}
}

func TestAMistakeInTheTransportIsReported(t *testing.T) {
	for _, transport := range []*countersign.Transport{
		{},
		{Source: countersigntest.StaticSource("one"), Origins: []string{"api.test"}},
		{Source: countersigntest.StaticSource("one"), Origins: []string{"https://%zz"}},
	} {
		transport.Base = &recorder{status: http.StatusOK}
		if _, err := (&http.Client{Transport: transport}).Get("https://api.test/"); !errors.Is(err, countersign.ErrUsage) {
			t.Errorf("%v: %v", transport.Origins, err)
		}
	}
}

func TestIdleConnectionsOfTheBaseAreClosed(t *testing.T) {
	base := &recorder{}
	browser := http.Client{Transport: &countersign.Transport{Source: countersigntest.StaticSource("one"), Base: base}}
	browser.CloseIdleConnections()
	if base.idle != 1 {
		t.Errorf("closed %d times", base.idle)
	}
}

func TestTheTransportUsesAnyTokenSource(t *testing.T) {
	source := countersigntest.StaticSource("one", "two")
	base := &recorder{status: http.StatusUnauthorized}
	browser := http.Client{Transport: &countersign.Transport{Source: source, Base: base}}
	for range 2 {
		response, err := browser.Post("https://api.test/", "text/plain", strings.NewReader("envelope"))
		if err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Fatal(err)
		}
	}
	// The second token has no successor, so that request is not repeated.
	if got := base.received(); !slices.Equal(got, []string{"Bearer one", "Bearer two", "Bearer two"}) {
		t.Errorf("received %v", got)
	}
	if got := source.Invalidated(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("invalidated %v", got)
	}
	source.Fail(&countersign.Error{Verdict: countersign.VerdictReauthorize})
	if _, err := browser.Get("https://api.test/"); !errors.Is(err, countersign.ErrReauthorize) {
		t.Error(err)
	}
}

// One token request per call would get the app throttled or locked.
func TestAnAPIThatRejectsEverythingCostsOneNewToken(t *testing.T) {
	client := countersigntest.NewSandbox(t).Client("docusign-jwt")
	base := &recorder{status: http.StatusUnauthorized}
	browser := http.Client{Transport: &countersign.Transport{Source: client, Base: base}}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 25 {
				if response, err := browser.Get("https://api.test/"); err != nil || response.StatusCode != http.StatusUnauthorized {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	counts, err := client.Counts()
	if err != nil || counts.Minted != 2 {
		t.Errorf("%d tokens were requested, %v", counts.Minted, err)
	}
}
