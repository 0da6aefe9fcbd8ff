package countersign

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime/cgo"
	"strings"
	"time"
)

// ErrClosed is what errors.Is finds in the error of a call on a [Client], [Key], [Login] or [Registry] that was closed.
var ErrClosed = errors.New("countersign: closed")

// Error is why a call failed. No secret is ever in it.
type Error struct {
	// Status is how the call ended, as a number of the C ABI.
	Status Status
	// Kind is what happened, as a word that is the same in every language, such as "consent_required".
	Kind string
	// Verdict is what to do about it.
	Verdict Verdict
	// Message is one sentence on what happened, Hint one on what to do about it; Hint may be empty.
	Message, Hint string
	// Setting is the setting to look at; empty where none is to blame.
	Setting string
	// HTTPStatus is the HTTP status of the answer; 0 where no server answered.
	HTTPStatus int
	// OAuthError and OAuthDescription are what the server said (RFC 6749 section 5.2), with secrets taken out.
	OAuthError, OAuthDescription string
	// RetryAfter is how long to wait before trying again; negative where that is not known.
	RetryAfter time.Duration
	// URL is the page that a person should open, such as one for consent; empty if there is none. An error that asks for
	// a login has none: [Client.StartLogin] begins one.
	URL string
	// TraceID is the vendor's id of the failed request, for its support desk.
	TraceID string
	// Provider is the provider that the error concerns.
	Provider string

	cause error
}

// VerdictOf is the verdict of an error that has an [*Error] in its chain, and empty for any other.
func VerdictOf(err error) Verdict {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Verdict
	}
	return ""
}

// Error is message and hint.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("countersign: ")
	text.WriteString(e.Message)
	if e.Hint != "" {
		text.WriteString(": ")
		text.WriteString(e.Hint)
	}
	return text.String()
}

// Is makes errors.Is find [ErrClosed].
func (e *Error) Is(target error) bool {
	return target == ErrClosed && e.Status == StatusClosed
}

// Unwrap is the error of a signer or opener of the program's own, where that is what failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// failure is the error of a call: nil for StatusOK. It frees what the library gave.
func failure(status C.csign_status, reported *C.csign_error) error {
	if status == C.CSIGN_STATUS_OK {
		return nil
	}
	if reported == nil {
		name := Status(status).String()
		return &Error{
			Status:     Status(status),
			Kind:       "internal",
			Verdict:    VerdictUnexpected,
			Message:    "the library failed with " + name + " and did not say why",
			RetryAfter: -1,
		}
	}
	made := readError(reported)
	made.Status = Status(status)
	C.csign_error_free(reported)
	return made
}

func readError(reported *C.csign_error) *Error {
	read := C.countersign_go_read_error(reported)
	made := &Error{
		Status:           Status(read.status),
		Kind:             goText(read.kind),
		Verdict:          verdictOf(read.verdict),
		Message:          goText(read.message),
		Hint:             goText(read.hint),
		Setting:          goText(read.setting),
		HTTPStatus:       int(read.http_status),
		OAuthError:       goText(read.oauth_error),
		OAuthDescription: goText(read.oauth_description),
		RetryAfter:       -1,
		URL:              goText(read.url),
		TraceID:          goText(read.trace_id),
		Provider:         goText(read.provider),
	}
	if read.cause != 0 {
		made.cause, _ = cgo.Handle(read.cause).Value().(error)
	}
	if read.retry_after_ms >= 0 {
		made.RetryAfter = time.Duration(read.retry_after_ms) * time.Millisecond
	}
	return made
}

// misuse is an error that this package itself reports about the calling program.
func misuse(status Status, message, hint string) *Error {
	return &Error{
		Status:     status,
		Kind:       "usage",
		Verdict:    VerdictUnexpected,
		Message:    message,
		Hint:       hint,
		RetryAfter: -1,
	}
}

func closed(what string) *Error {
	return misuse(StatusClosed, "the "+what+" was closed", "make a new "+what+", or close it later")
}
