package countersign

// #include "bridge.h"
import "C"

// Verdict is what to do about an [Error]. The same words in every language.
type Verdict string

// The verdicts.
const (
	// VerdictRetry: try again, after the wait that the error gives, if any: [Error.RetryAfter].
	VerdictRetry Verdict = "retry"
	// VerdictReauthorize: a person must act, at the error's URL if it has one: [Error.URL].
	VerdictReauthorize Verdict = "reauthorize"
	// VerdictFixConfiguration: a setting is wrong, here or at the vendor; the message names it.
	VerdictFixConfiguration Verdict = "fix_configuration"
	// VerdictOutcomeUnknown: the server may have rotated the refresh token; nothing was sent twice.
	VerdictOutcomeUnknown Verdict = "outcome_unknown"
	// VerdictUnexpected: an unreadable response, a signature that does not verify, a wrong call, or a bug.
	VerdictUnexpected Verdict = "unexpected"
)

func verdictOf(verdict C.csign_verdict) Verdict {
	switch verdict {
	case C.CSIGN_VERDICT_RETRY:
		return VerdictRetry
	case C.CSIGN_VERDICT_REAUTHORIZE:
		return VerdictReauthorize
	case C.CSIGN_VERDICT_FIX_CONFIGURATION:
		return VerdictFixConfiguration
	case C.CSIGN_VERDICT_OUTCOME_UNKNOWN:
		return VerdictOutcomeUnknown
	default:
		return VerdictUnexpected
	}
}

// Status is how a call ended, as the number that the C ABI has for it. Numbers never change their meaning; one that
// has no constant here is a failure all the same.
type Status int32

// The statuses. See countersign.h for what each of them means.
const (
	StatusOK              Status = C.CSIGN_STATUS_OK
	StatusNullArgument    Status = C.CSIGN_STATUS_NULL_ARGUMENT
	StatusBadUTF8         Status = C.CSIGN_STATUS_BAD_UTF8
	StatusBadArgument     Status = C.CSIGN_STATUS_BAD_ARGUMENT
	StatusBadHandle       Status = C.CSIGN_STATUS_BAD_HANDLE
	StatusClosed          Status = C.CSIGN_STATUS_CLOSED
	StatusReentered       Status = C.CSIGN_STATUS_REENTERED
	StatusForked          Status = C.CSIGN_STATUS_FORKED
	StatusBufferTooSmall  Status = C.CSIGN_STATUS_BUFFER_TOO_SMALL
	StatusSetting         Status = C.CSIGN_STATUS_SETTING
	StatusKey             Status = C.CSIGN_STATUS_KEY
	StatusSigning         Status = C.CSIGN_STATUS_SIGNING
	StatusVerification    Status = C.CSIGN_STATUS_VERIFICATION
	StatusConnect         Status = C.CSIGN_STATUS_CONNECT
	StatusTLS             Status = C.CSIGN_STATUS_TLS
	StatusInterrupted     Status = C.CSIGN_STATUS_INTERRUPTED
	StatusThrottled       Status = C.CSIGN_STATUS_THROTTLED
	StatusUnavailable     Status = C.CSIGN_STATUS_UNAVAILABLE
	StatusStore           Status = C.CSIGN_STATUS_STORE
	StatusBusy            Status = C.CSIGN_STATUS_BUSY
	StatusRefused         Status = C.CSIGN_STATUS_REFUSED
	StatusLoginRequired   Status = C.CSIGN_STATUS_LOGIN_REQUIRED
	StatusConsentRequired Status = C.CSIGN_STATUS_CONSENT_REQUIRED
	StatusNoToken         Status = C.CSIGN_STATUS_NO_TOKEN
	StatusCallback        Status = C.CSIGN_STATUS_CALLBACK
	StatusClock           Status = C.CSIGN_STATUS_CLOCK
	StatusUnreadable      Status = C.CSIGN_STATUS_UNREADABLE
	StatusPlugin          Status = C.CSIGN_STATUS_PLUGIN
	StatusPanic           Status = C.CSIGN_STATUS_PANIC
	StatusPoisoned        Status = C.CSIGN_STATUS_POISONED
	StatusInternal        Status = C.CSIGN_STATUS_INTERNAL
)

// String is the status as a word, such as "CONSENT_REQUIRED"; "UNKNOWN" for a number that the library does not know.
func (s Status) String() string {
	return C.GoString(C.csign_status_name(C.int32_t(s)))
}
