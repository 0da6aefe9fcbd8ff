// Package scenarios runs the scenarios in tests/scenarios.
package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scenario is the content of a scenario file. Unknown members are rejected.
type scenario struct {
	Name       string             `json:"name"`
	About      string             `json:"about"`
	Connection string             `json:"connection"`
	Settings   map[string]*string `json:"settings"`
	Clock      bool               `json:"clock"`
	Signer     signerCallback     `json:"signer"`
	Listener   bool               `json:"listener"`
	Plugin     string             `json:"plugin"`
	Open       map[string]any     `json:"open"`
	Steps      []step             `json:"steps"`
	Requests   *[]string          `json:"requests"`
}

type signerCallback string

const (
	noSigner signerCallback = ""
	signs    signerCallback = "signs"
	fails    signerCallback = "fails"
)

func (s *signerCallback) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true":
		*s = signs
	case "false":
		*s = noSigner
	case `"fails"`:
		*s = fails
	default:
		return fmt.Errorf("`signer` is %s", text)
	}
	return nil
}

type step struct {
	word    string
	name    string
	members map[string]any
	expect  map[string]any
}

// memberNames are the members of each kind of step, in addition to do, as and expect. A ? marks an
// optional one.
var memberNames = map[string][]string{
	"token":        {"min_valid_s?"},
	"refresh":      {},
	"login":        {"decision"},
	"invalidate":   {"token"},
	"identity":     {},
	"forget":       {"force?"},
	"drain":        {},
	"counts":       {},
	"advance":      {"s"},
	"sandbox":      {"post", "body"},
	"reopen":       {},
	"threads":      {"count"},
	"cancel":       {},
	"api":          {"path"},
	"events":       {},
	"close_in_use": {"count"},
	"collect":      {"rounds"},
}

var (
	getsToken  = []string{"token", "refresh", "login", "threads"}
	mayExpect  = append([]string{"identity", "forget", "counts", "api", "events"}, getsToken...)
	errTooMany = fmt.Errorf("`error` must be the only expectation")
)

func (s *step) UnmarshalJSON(text []byte) error {
	members := map[string]any{}
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	var named, expects bool
	s.word, _ = members["do"].(string)
	if _, named = members["as"]; named {
		s.name, _ = members["as"].(string)
	}
	if _, expects = members["expect"]; expects {
		s.expect, _ = members["expect"].(map[string]any)
	}
	delete(members, "do")
	delete(members, "as")
	delete(members, "expect")
	s.members = members

	names, known := memberNames[s.word]
	switch {
	case !known:
		return fmt.Errorf("unknown `do` %q", s.word)
	case named && (s.name == "" || !slices.Contains(getsToken, s.word)):
		return fmt.Errorf("%s: `as` is %q", s.word, s.name)
	case expects && (s.expect == nil || !slices.Contains(mayExpect, s.word)):
		return fmt.Errorf("%s: `expect` is not allowed", s.word)
	case s.expect["error"] != nil && len(s.expect) > 1:
		return fmt.Errorf("%s: %w", s.word, errTooMany)
	}
	for _, name := range names {
		name, optional := strings.CutSuffix(name, "?")
		if _, there := members[name]; !there && !optional {
			return fmt.Errorf("%s: `%s` is missing", s.word, name)
		}
	}
	for member := range members {
		if !slices.Contains(names, member) && !slices.Contains(names, member+"?") {
			return fmt.Errorf("%s: unknown member `%s`", s.word, member)
		}
	}
	return nil
}

func (s *step) number(member string) int {
	number, _ := s.members[member].(float64)
	return int(number)
}

func (s *step) text(member string) string {
	text, _ := s.members[member].(string)
	return text
}

// files returns the scenario files, sorted by name.
func files() ([]string, error) {
	folder := os.Getenv("COUNTERSIGN_SCENARIOS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "tests", "scenarios")
	}
	found, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("there are no scenarios in %s", folder)
	}
	slices.Sort(found)
	return found, err
}

// read reads a scenario and replaces {url}, {dir} and {plugins} in every string.
func read(path, url, dir string) (*scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	plugins := os.Getenv("COUNTERSIGN_PLUGINS")
	if plugins == "" && strings.Contains(string(text), "{plugins}") {
		return nil, fmt.Errorf("COUNTERSIGN_PLUGINS is not set: the folder that tests/scenarios/plugins.sh has filled")
	}
	filled := strings.NewReplacer("{url}", url, "{dir}", dir, "{plugins}", plugins).Replace(string(text))
	decoder := json.NewDecoder(bytes.NewReader([]byte(filled)))
	decoder.DisallowUnknownFields()
	var made scenario
	if err := decoder.Decode(&made); err != nil {
		return nil, err
	}
	if made.Name != nameOf(path) {
		return nil, fmt.Errorf("`name` is %q", made.Name)
	}
	if made.Open != nil && len(made.Steps) > 0 {
		return nil, fmt.Errorf("a scenario with `open` has steps")
	}
	return &made, nil
}

func nameOf(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".json")
}
