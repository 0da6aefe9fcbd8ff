package countersign

// #include "bridge.h"
import "C"

import (
	"errors"
	"strings"
	"time"
)

// The errors to compare with errors.Is. There is one for each [Verdict], and some for mistakes that
// the verdict doesn't tell apart.
var (
	// ErrRetry: try again, after the wait of [Error.RetryAfter], if any.
	ErrRetry = errors.New("countersign: try again later")
	// ErrReauthorize: a person must act, at the error's URL if it has one.
	ErrReauthorize = errors.New("countersign: a person must log in or consent")
	// ErrFixConfiguration: a setting is wrong, here or at the vendor.
	ErrFixConfiguration = errors.New("countersign: a setting is wrong")
	// ErrOutcomeUnknown: the server may have rotated the refresh token; nothing was sent twice.
	ErrOutcomeUnknown = errors.New("countersign: the outcome of the request is unknown")
	// ErrUnexpected: an unreadable response, a wrong call, or a bug.
	ErrUnexpected = errors.New("countersign: unexpected error")

	// ErrUsage: the program used the API incorrectly. A call on a closed object is one case.
	ErrUsage = errors.New("countersign: incorrect use of the API")
	// ErrClosed: the [Client], [Key], [Login] or [Registry] was closed.
	ErrClosed = errors.New("countersign: closed")
	// ErrVerification: a signature or token is not valid. The input is at fault, not the
	// program.
	ErrVerification = errors.New("countersign: a signature or token is not valid")
)

var verdictErrors = map[Verdict]error{
	VerdictRetry:            ErrRetry,
	VerdictReauthorize:      ErrReauthorize,
	VerdictFixConfiguration: ErrFixConfiguration,
	VerdictOutcomeUnknown:   ErrOutcomeUnknown,
	VerdictUnexpected:       ErrUnexpected,
}

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

// Retryable reports whether the same call may succeed later: whether the verdict is [VerdictRetry].
func (e *Error) Retryable() bool { return e.Verdict == VerdictRetry }

// RetryAfter returns how long to wait before trying again, and whether that is known.
func (e *Error) RetryAfter() (wait time.Duration, known bool) {
	if e.retryAfter == nil {
		return 0, false
	}
	return *e.retryAfter, true
}

// Is reports whether the target is the error's verdict or mistake, such as [ErrRetry] or
// [ErrClosed].
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUsage:
		return e.Kind == KindUsage
	case ErrClosed:
		return e.status == C.CSIGN_STATUS_CLOSED
	case ErrVerification:
		return e.Kind == KindVerification
	default:
		return target != nil && target == verdictErrors[e.Verdict]
	}
}

// Unwrap returns the error of the program's own signer or opener, if that failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// failure returns a call's error, or nil for CSIGN_STATUS_OK. It frees the library's error.
func failure(status C.csign_status, reported *C.csign_error) error {
	if status == C.CSIGN_STATUS_OK {
		return nil
	}
	if reported == nil {
		name := C.GoString(C.csign_status_name(C.int32_t(status)))
		bug := internal("the library failed with " + name + " and no further information")
		bug.status = status
		return bug
	}
	defer C.csign_error_free(reported)
	return described(status, reported)
}

// described returns a call's error, which the library still owns.
func described(status C.csign_status, reported *C.csign_error) *Error {
	made := readError(reported)
	made.status = status
	return made
}

// internal returns the error of a bug in the library or in this package.
func internal(message string) *Error {
	return &Error{Kind: KindInternal, Verdict: VerdictUnexpected, Message: message}
}

// misuse returns an error of this package, not of the library.
func misuse(message, hint string) *Error {
	return &Error{Kind: KindUsage, Verdict: VerdictUnexpected, Message: message, Hint: hint}
}

func closed(what string) *Error {
	made := misuse("the "+what+" was closed", "create a new "+what+", or close it later")
	made.status = C.CSIGN_STATUS_CLOSED
	return made
}
