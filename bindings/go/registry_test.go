package countersign

import (
	"slices"
	"testing"
)

// A provider of somebody's own, whose token endpoint is the sandbox's of BoldSign.
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

func TestAProfileMakesAProvider(t *testing.T) {
	fresh(t)
	registry, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.AddProfile(profile); err != nil {
		t.Fatal(err)
	}
	if err := registry.AddProfile(profile); err == nil {
		t.Error("there are two of the same id")
	}
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
	// Clients go on without their registry.
	_ = registry.Close()
	access(t, client)
}

func TestABadProfileIsRefusedByField(t *testing.T) {
	registry, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	failure := failureOf(t, registry.AddProfile("nonsense = true\n"))
	if failure.Status != StatusSetting {
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
