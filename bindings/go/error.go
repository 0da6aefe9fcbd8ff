package countersign

// #include "bridge.h"
import "C"

import (
	"errors"
	"strings"
)

// ErrClosed is what errors.Is finds in the error of a call on a [Client], [Key], [Login] or [Registry] that was closed.
var ErrClosed = errors.New("countersign: closed")

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

// String is the status as a word, such as "CONSENT_REQUIRED"; "UNKNOWN" for a number that the library does not know.
func (s Status) String() string {
	return C.GoString(C.csign_status_name(C.int32_t(s)))
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
