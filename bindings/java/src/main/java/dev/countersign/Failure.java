package dev.countersign;

/** Creates exceptions from the library's errors. */
final class Failure {
    private Failure() {}

    /** Returns the exception for a failed call, and frees the error object, which may be 0. */
    static RuntimeException take(Abi abi, Frame frame, int status, long error) {
        if (error == 0) {
            String message = "the library failed with status " + status;
            return of(status, Details.bare(Verdict.UNEXPECTED, ErrorKind.INTERNAL, message, null));
        }
        try {
            return read(abi, frame, status, error);
        } finally {
            abi.csign_error_free(error);
        }
    }

    /** Returns the exception for a failed call, whose error object the library still owns. */
    static RuntimeException read(Abi abi, Frame frame, int status, long error) {
        RuntimeException failure = of(status, Details.read(abi, frame, error));
        Throwable cause = Callbacks.cause(abi.csign_error_cause(error));
        return cause == null ? failure : (RuntimeException) failure.initCause(cause);
    }

    /** Returns the exception of a call on a closed object. */
    static ClosedException closed(String name) {
        return new ClosedException("the " + name + " was closed (create a new " + name + ", or close it later)");
    }

    /** Returns the exception for a native library that is missing or incompatible. */
    static CountersignException library(String message, String hint, Throwable cause) {
        CountersignException failure = new FixConfigurationException(
                Details.bare(Verdict.FIX_CONFIGURATION, ErrorKind.LIBRARY, message, hint));
        if (cause != null) {
            failure.initCause(cause);
        }
        return failure;
    }

    private static RuntimeException of(int status, Details details) {
        return switch (Status.of(status)) {
            case CLOSED -> new ClosedException(sentence(details));
            case BAD_HANDLE, REENTERED, FORKED -> new IllegalStateException(sentence(details));
            case NULL_ARGUMENT, BAD_UTF8, BAD_ARGUMENT, BUFFER_TOO_SMALL ->
                new IllegalArgumentException(sentence(details));
            case VERIFICATION -> new VerificationException(details);
            default -> byVerdict(details);
        };
    }

    private static CountersignException byVerdict(Details details) {
        return switch (details.verdict()) {
            case RETRY -> new RetryException(details);
            case REAUTHORIZE -> new ReauthorizeException(details);
            case FIX_CONFIGURATION -> new FixConfigurationException(details);
            case OUTCOME_UNKNOWN -> new OutcomeUnknownException(details);
            case UNEXPECTED -> new UnexpectedException(details);
        };
    }

    private static String sentence(Details details) {
        return details.hint() == null ? details.message() : details.message() + " (" + details.hint() + ")";
    }
}
