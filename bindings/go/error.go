package countersign

// #include "bridge.h"
import "C"

import (
	"errors"
	"strings"
)

// ErrClosed is the error of a call on a closed [Client], [Key], [Login] or [Registry]. Compare with
// errors.Is.
var ErrClosed = errors.New("countersign: closed")

// VerdictOf returns the verdict of an error that is or wraps an [*Error], and "" for any other
// error.
func VerdictOf(err error) Verdict {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Verdict
	}
	return ""
}

// Error returns the message and the hint.
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

// Is reports whether the error is [ErrClosed].
func (e *Error) Is(target error) bool {
	return target == ErrClosed && e.Status == StatusClosed
}

// Unwrap returns the error of the program's own signer or opener, if that failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// String returns the name of the status, such as "CONSENT_REQUIRED", or "UNKNOWN" for an unknown
// number.
func (s Status) String() string {
	return C.GoString(C.csign_status_name(C.int32_t(s)))
}

// failure returns a call's error, or nil for StatusOK. It frees the library's error.
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
			Message:    "the library failed with " + name + " and no further information",
			RetryAfter: -1,
		}
	}
	made := readError(reported)
	made.Status = Status(status)
	C.csign_error_free(reported)
	return made
}

// misuse returns an error of this package, not of the library.
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
	return misuse(StatusClosed, "the "+what+" was closed", "create a new "+what+", or close it later")
}
