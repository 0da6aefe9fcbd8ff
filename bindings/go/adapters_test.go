package countersign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// The cases in tests/adapters, which the adapters of all languages run.
type sharedCases struct {
	ClearText struct{ Rejected, Sent []string } `json:"clear_text"`
	Cases     []adapterCase
}

type adapterCase struct {
	Name, Provider string
	Calls          []struct {
		URL, Authorization string
		Body               *string
		Stream             bool
	}
	Responses []struct {
		At, Location string
		Status       int
	}
	Sent   []arrival
	Status []int
}

type arrival struct {
	To, Path, Body, Token string
	header                http.Header
}

func shared(t *testing.T) sharedCases {
	t.Helper()
	scenarios := os.Getenv("COUNTERSIGN_SCENARIOS")
	if scenarios == "" {
		scenarios = "../../tests/scenarios"
	}
	text, err := os.ReadFile(filepath.Join(scenarios, "..", "adapters", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read sharedCases
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// house holds the two servers of a case and the requests that they received.
type house struct {
	lock     sync.Mutex
	given    adapterCase
	servers  map[string]*httptest.Server
	arrivals []arrival
}

func newHouse(t *testing.T, given adapterCase) *house {
	made := &house{given: given, servers: map[string]*httptest.Server{}}
	for _, name := range []string{"api", "other"} {
		serve := func(writer http.ResponseWriter, request *http.Request) { made.serve(name, writer, request) }
		server := httptest.NewServer(http.HandlerFunc(serve))
		t.Cleanup(server.Close)
		made.servers[name] = server
	}
	return made
}

func (h *house) serve(name string, writer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	h.lock.Lock()
	defer h.lock.Unlock()
	h.arrivals = append(h.arrivals, arrival{To: name, Path: request.URL.Path, Body: string(body), header: request.Header})
	status := http.StatusOK
	for i, response := range h.given.Responses {
		if response.At != name {
			continue
		}
		h.given.Responses = append(h.given.Responses[:i:i], h.given.Responses[i+1:]...)
		status = response.Status
		if response.Location != "" {
			writer.Header().Set("Location", h.filled(response.Location))
		}
		break
	}
	writer.WriteHeader(status)
}

func (h *house) filled(text string) string {
	api := h.servers["api"].URL
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(api, "http://"))
	return strings.NewReplacer("{api}", api, "{other}", h.servers["other"].URL, "{port}", port).Replace(text)
}

func TestTransportSharedCases(t *testing.T) {
	for _, given := range shared(t).Cases {
		t.Run(given.Name, func(t *testing.T) {
			fresh(t)
			client := caseClient(t, given.Provider)
			first := headers(t, client)
			house := newHouse(t, given)
			var statuses []int
			for _, call := range given.Calls {
				method, body := http.MethodGet, io.Reader(nil)
				if call.Body != nil {
					method, body = http.MethodPost, strings.NewReader(*call.Body)
				}
				if call.Stream {
					body = io.MultiReader(body)
				}
				request, err := http.NewRequest(method, house.filled(call.URL), body)
				if err != nil {
					t.Fatal(err)
				}
				if call.Authorization != "" {
					request.Header.Set("Authorization", call.Authorization)
				}
				response, err := client.HTTPClient().Do(request)
				statuses = append(statuses, statusOf(t, response, err))
			}
			second := headers(t, client)
			for i := range house.arrivals {
				arrived := &house.arrivals[i]
				switch carried := common(arrived.header, first); {
				case len(carried) == 0:
					arrived.Token = "none"
				case reflect.DeepEqual(carried, first):
					arrived.Token = "first"
				case reflect.DeepEqual(carried, second):
					arrived.Token = "second"
				}
				arrived.header = nil
			}
			if !reflect.DeepEqual(house.arrivals, given.Sent) {
				t.Errorf("%v arrived", house.arrivals)
			}
			if !reflect.DeepEqual(statuses, given.Status) {
				t.Errorf("the statuses are %v", statuses)
			}
		})
	}
}

// caseClient returns a client, of a vendor that profiles/ describes if it is named.
func caseClient(t *testing.T, provider string) *Client {
	t.Helper()
	if provider == "" {
		return dial(t, "docusign-jwt", nil)
	}
	return dial(t, "salesforce-cc", Settings{"provider": provider}, WithoutSetting("environment"))
}

// headers returns the headers of the client's token.
func headers(t *testing.T, client *Client) http.Header {
	t.Helper()
	token, err := client.Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	headers, err := token.Headers()
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

// common returns the headers that have the names of the token's.
func common(received, token http.Header) http.Header {
	found := http.Header{}
	for name := range token {
		if values, there := received[name]; there {
			found[name] = values
		}
	}
	return found
}

func TestNoTokenIsSentInClearText(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	for _, target := range shared(t).ClearText.Rejected {
		_, err := client.HTTPClient().Get(target)
		var wrapped *url.Error
		if !errors.As(err, &wrapped) {
			t.Fatalf("%s: %v", target, err)
		}
		if failure := failureOf(t, err); failure.Kind != "usage" || failure.Verdict != VerdictUnexpected {
			t.Errorf("%s: %#v", target, failure)
		}
	}
	if requests(t) != 0 {
		t.Error("a token was requested")
	}
}

func TestALoopbackAddressGetsTheToken(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	house := newHouse(t, adapterCase{})
	for _, target := range shared(t).ClearText.Sent {
		response, err := client.HTTPClient().Get(house.filled(target))
		if status := statusOf(t, response, err); status != http.StatusOK {
			t.Errorf("%s: %d", target, status)
		}
	}
	want := fmt.Sprint(len(shared(t).ClearText.Sent))
	if got := fmt.Sprint(len(house.arrivals)); got != want {
		t.Errorf("%s of %s arrived", got, want)
	}
}
