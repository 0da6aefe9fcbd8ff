package countersign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAnErrorHasItsVerdict(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt-unconsented", nil)
	_, err := client.AccessToken(context.Background())
	wrapped := fmt.Errorf("no envelope was sent: %w", err)
	failure := failureOf(t, wrapped)
	if failure.Verdict != VerdictReauthorize || VerdictOf(wrapped) != VerdictReauthorize {
		t.Errorf("the verdict is %q", failure.Verdict)
	}
	if failure.Status != StatusConsentRequired || failure.Status.String() != "CONSENT_REQUIRED" {
		t.Errorf("the status is %v", failure.Status)
	}
	if failure.URL == "" || failure.RetryAfter >= 0 || errors.Is(err, ErrClosed) {
		t.Errorf("%#v", failure)
	}
	if !strings.Contains(err.Error(), failure.Message) || !strings.Contains(err.Error(), failure.Hint) {
		t.Errorf("message and hint are missing in %q", err)
	}
}

func TestOtherErrorsHaveNoVerdict(t *testing.T) {
	if verdict := VerdictOf(context.Canceled); verdict != "" {
		t.Error(verdict)
	}
	if verdict := VerdictOf(nil); verdict != "" {
		t.Error(verdict)
	}
}

func TestUnknownNumbersAreFailures(t *testing.T) {
	if verdict := verdictOf(99); verdict != VerdictUnexpected {
		t.Error(verdict)
	}
	failure := failureOf(t, failure(77, nil))
	if failure.Verdict != VerdictUnexpected || failure.Status != 77 || failure.Status.String() != "UNKNOWN" {
		t.Errorf("%#v", failure)
	}
}

func TestALibraryWithAnotherABIIsRejected(t *testing.T) {
	const made = 2<<16 | 3
	for _, running := range []uint32{2<<16 | 3, 2<<16 | 4} {
		if err := compatible(made, running); err != nil {
			t.Errorf("%x: %v", running, err)
		}
	}
	for _, running := range []uint32{2<<16 | 2, 1<<16 | 9, 3<<16 | 3} {
		if compatible(made, running) == nil {
			t.Errorf("%x was accepted", running)
		}
	}
	if err := checkABI(); err != nil {
		t.Error(err)
	}
	if Version() == "" {
		t.Error("no version")
	}
}

func TestTheErrorNamesTheSetting(t *testing.T) {
	_, err := New(Settings{"provider": "boldsign", "clientid": "x"})
	failure := failureOf(t, err)
	if failure.Setting != "clientid" || failure.Verdict != VerdictFixConfiguration {
		t.Errorf("%#v", failure)
	}
	_, err = Load("nobody", WithFile("/no/such/file.toml"))
	if failure := failureOf(t, err); failure.Status != StatusSetting || !strings.Contains(failure.Message, "/no/such/file.toml") {
		t.Errorf("%#v", failure)
	}
	settings, err := KnownSettings()
	if err != nil {
		t.Fatal(err)
	}
	secret := map[string]bool{}
	for _, setting := range settings {
		secret[setting.Name] = setting.Secret
	}
	if !secret["client_secret"] || secret["client_id"] {
		t.Errorf("%v", settings)
	}
}

func TestOptionsDoNotChangeTheCallersSettings(t *testing.T) {
	settings := Settings{"provider": "boldsign"}
	_, _ = New(settings, WithSettings(Settings{"environment": "us"}))
	if len(settings) != 1 {
		t.Error(settings)
	}
}
