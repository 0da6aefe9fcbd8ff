package countersign

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A user's provider, whose token endpoint is that of BoldSign in the sandbox.
const profile = `
id = "acme"
name = "Acme"
documentation = "https://acme.test/docs"

[environments.main]
base_url = "https://acme.test"

[endpoints]
token = "{base_url}/connect/token"

[grants.client-credentials]
client_auth = ["post"]
`

func registryOf(t *testing.T) *Registry {
	t.Helper()
	registry, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })
	return registry
}

// useAcme gets a token from the provider acme.
func useAcme(t *testing.T, registry *Registry) {
	t.Helper()
	known, err := emulator.Settings("boldsign-cc")
	if err != nil {
		t.Fatal(err)
	}
	settings := Settings{"provider": "acme", "environment": "main", "store": "memory"}
	for _, key := range []string{"grant", "base_url", "client_id", "client_secret", "ca_file"} {
		settings[key] = known[key]
	}
	client, err := New(settings, WithRegistry(registry))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// Clients keep working without their registry.
	_ = registry.Close()
	access(t, client)
}

func TestAddProfile(t *testing.T) {
	fresh(t)
	registry := registryOf(t)
	if err := registry.AddProfile(profile); err != nil {
		t.Fatal(err)
	}
	if err := registry.AddProfile(profile); err == nil {
		t.Error("a second provider with the same id was added")
	}
	useAcme(t, registry)
}

func TestLoadPlugin(t *testing.T) {
	fresh(t)
	plugin := filepath.Join(t.TempDir(), "acme.so")
	compiler := exec.Command("cc", "-shared", "-fPIC", "-o", plugin, "testdata/acme.c")
	if include := os.Getenv("COUNTERSIGN_INCLUDE_DIR"); include != "" {
		compiler.Args = append(compiler.Args, "-I"+include)
	}
	if said, err := compiler.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	registry := registryOf(t)
	var log lockedBuffer
	if err := registry.SetLogger(slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if err := registry.LoadPlugin(plugin, strings.Repeat("0", 64)); err == nil {
		t.Error("a file with another digest was loaded")
	}
	text, err := os.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(text)
	if err := registry.LoadPlugin(plugin, hex.EncodeToString(digest[:])); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "acme was asked for its profile") {
		t.Errorf("the log is %q", log.String())
	}
	useAcme(t, registry)
}

func TestTheErrorNamesTheProfilesField(t *testing.T) {
	registry := registryOf(t)
	failure := failureOf(t, registry.AddProfile("nonsense = true\n"))
	if failure.Kind != KindSetting {
		t.Errorf("%#v", failure)
	}
	if err := registry.LoadPlugin("relative.so", ""); failureOf(t, err).Verdict != VerdictFixConfiguration {
		t.Error(err)
	}
	providers, err := registry.Providers()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"docusign", "salesforce", "boldsign"} {
		if !slices.ContainsFunc(providers, func(p Provider) bool { return p.ID == id && p.Name != "" && len(p.Grants) > 0 }) {
			t.Errorf("no %s in %+v", id, providers)
		}
	}
}
