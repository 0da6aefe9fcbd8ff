package countersign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
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
	if failure.Kind != KindConsentRequired || failure.Retryable() {
		t.Errorf("the kind is %v", failure.Kind)
	}
	if _, known := failure.RetryAfter(); failure.URL == "" || known {
		t.Errorf("%#v", failure)
	}
	if !strings.Contains(err.Error(), failure.Message) || !strings.Contains(err.Error(), failure.Hint) {
		t.Errorf("message and hint are missing in %q", err)
	}
}

// Each error is its own verdict's and no other one's.
func TestAnErrorIsItsVerdict(t *testing.T) {
	sentinels := map[Verdict]error{
		VerdictRetry: ErrRetry, VerdictReauthorize: ErrReauthorize, VerdictFixConfiguration: ErrFixConfiguration,
		VerdictOutcomeUnknown: ErrOutcomeUnknown, VerdictUnexpected: ErrUnexpected,
	}
	for verdict := range sentinels {
		err := fmt.Errorf("wrapped: %w", &Error{Verdict: verdict, Kind: KindInternal})
		for other, sentinel := range sentinels {
			if errors.Is(err, sentinel) != (verdict == other) {
				t.Errorf("%s: %v", verdict, sentinel)
			}
		}
		if failureOf(t, err).Retryable() != (verdict == VerdictRetry) {
			t.Errorf("%s: retryable", verdict)
		}
		for _, mistake := range []error{ErrUsage, ErrClosed, ErrVerification, context.Canceled} {
			if errors.Is(err, mistake) {
				t.Errorf("%s: %v", verdict, mistake)
			}
		}
	}
	if unknown := (&Error{Verdict: "later"}); errors.Is(unknown, nil) || unknown.Retryable() {
		t.Error("an unknown verdict has a meaning")
	}
}

func TestWrongUseIsNotAWrongSetting(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	isUsage := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUsage) || errors.Is(err, ErrFixConfiguration) || errors.Is(err, ErrVerification) {
			t.Errorf("%s: %v", what, err)
		}
	}
	isUsage("no token", client.Invalidate(context.Background(), nil))
	_ = client.Close()
	_, err := client.Token(context.Background())
	isUsage("closed", err)
	if !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestTheServersRetryAfterIsReported(t *testing.T) {
	fresh(t)
	client := dial(t, "docusign-jwt", nil)
	tell(t, "/_sandbox/faults", map[string]any{"status": 429, "retry_after": 7})
	_, err := client.Token(context.Background())
	failure := failureOf(t, err)
	if wait, known := failure.RetryAfter(); !errors.Is(err, ErrRetry) || !known || wait < 6*time.Second || wait > 8*time.Second {
		t.Errorf("%#v: %s, %t", failure, wait, known)
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
	if failure.Verdict != VerdictUnexpected || failure.Kind != KindInternal || !strings.Contains(failure.Message, "UNKNOWN") {
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
	if failure := failureOf(t, err); failure.Kind != KindSetting || !strings.Contains(failure.Message, "/no/such/file.toml") {
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
