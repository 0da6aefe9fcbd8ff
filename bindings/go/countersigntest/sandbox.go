package countersigntest

import (
	"net/http"
	"testing"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/internal/sandbox"
)

// Sandbox is a running countersign-sandbox, a strict local stand-in for the token services of
// DocuSign, Salesforce and BoldSign. It needs no account and no network.
type Sandbox struct {
	t       testing.TB
	running *sandbox.Sandbox
}

// NewSandbox starts a sandbox and stops it at the end of the test. The command countersign-sandbox
// must be in the PATH, or COUNTERSIGN_SANDBOX must be its path. Otherwise the test fails.
//
// Until the test ends, the environment variable XDG_STATE_HOME of this process is a temporary
// folder, so that the library keeps nothing in the user's folder.
func NewSandbox(t testing.TB) *Sandbox {
	t.Helper()
	running, err := sandbox.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Stop)
	return &Sandbox{t: t, running: running}
}

// Client builds a client for one of the sandbox's connections, such as "docusign-jwt",
// "docusign-code", "salesforce-jwt" or "boldsign-cc". It stores tokens in memory, and is closed at
// the end of the test. The options override the connection's settings.
func (s *Sandbox) Client(connection string, options ...countersign.Option) *countersign.Client {
	s.t.Helper()
	all := append([]countersign.Option{
		countersign.WithFile(s.Connections()),
		countersign.WithSettings(countersign.Settings{"store": "memory"}),
	}, options...)
	client, err := countersign.Load(connection, all...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// URL returns the sandbox's URL, such as "https://127.0.0.1:24001".
func (s *Sandbox) URL() string { return s.running.URL }

// Connections returns the path of a configuration file with a connection for every provider and
// grant type, for [countersign.WithFile].
func (s *Sandbox) Connections() string { return s.running.Connections }

// Transport returns a base for [countersign.Transport] that trusts the sandbox's certificate. Its
// APIs are incomplete: "/oauth/userinfo" is one of them.
func (s *Sandbox) Transport() http.RoundTripper { return s.running.Transport() }

// Allow opens the page of a login like a browser, and returns the URL that the browser is redirected
// to if the person allows access.
func (s *Sandbox) Allow(page string) (callback string) { return s.decide(page, "allow") }

// Deny is like [Sandbox.Allow] for a person who denies access.
func (s *Sandbox) Deny(page string) (callback string) { return s.decide(page, "deny") }

func (s *Sandbox) decide(page, decision string) string {
	s.t.Helper()
	callback, err := s.running.Authorize(page, decision)
	if err != nil {
		s.t.Fatal(err)
	}
	return callback
}

// TokenRequests returns the grant type of each token request since the start, such as "jwt-bearer".
func (s *Sandbox) TokenRequests() []string {
	s.t.Helper()
	log, err := s.running.Log()
	if err != nil {
		s.t.Fatal(err)
	}
	grants := make([]string, 0, len(log))
	for _, entry := range log {
		grants = append(grants, entry.Grant)
	}
	return grants
}

// Post sends one of the sandbox's controls, which its README describes. This makes the next token
// request fail:
//
//	sandbox.Post("/_sandbox/faults", map[string]any{"status": 503})
func (s *Sandbox) Post(control string, body any) {
	s.t.Helper()
	if err := s.running.Tell(control, body); err != nil {
		s.t.Fatal(err)
	}
}
