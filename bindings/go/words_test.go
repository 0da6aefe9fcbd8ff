package countersign

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// declared returns what a pattern's group matches in a block of the core's source.
func declared(t *testing.T, file, block, pattern string) []string {
	t.Helper()
	scenarios := os.Getenv("COUNTERSIGN_SCENARIOS")
	if scenarios == "" {
		scenarios = "../../tests/scenarios"
	}
	text, err := os.ReadFile(filepath.Join(scenarios, "../../crates/core/src", file))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), block)
	rest, _, _ = strings.Cut(rest, "\n}")
	var words []string
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(rest, -1) {
		words = append(words, found[1])
	}
	return words
}

func TestEventTypesAreThoseOfTheCore(t *testing.T) {
	known := []EventType{
		EventLoggedIn, EventIntended, EventNotSent, EventRejected, EventResponseLost, EventRefreshed,
		EventSalvaged, EventLost, EventDead, EventNotRevoked, EventRecovered, EventRejectedAgain,
	}
	var core []EventType
	for _, name := range declared(t, "client/history.rs", "pub enum What {", `(?m)^    ([A-Z]\w+),$`) {
		snake := regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(name, "${1}_$2")
		core = append(core, EventType(strings.ToLower(snake)))
	}
	if !slices.Equal(known, core) {
		t.Errorf("the core has %v", core)
	}
}

func TestGrantTypesAreThoseOfTheCore(t *testing.T) {
	known := []string{
		string(GrantJWTBearer), string(GrantAuthorizationCode), string(GrantRefreshToken),
		string(GrantClientCredentials), string(GrantDeviceCode),
	}
	if core := declared(t, "choices.rs", `GrantKind, "grant", {`, `(?m)= "([a-z-]+)",$`); !slices.Equal(known, core) {
		t.Errorf("the core has %v", core)
	}
}
