package dev.countersign;

/** Creates exceptions from the library's errors. */
final class Failure {
    private Failure() {}

    /** Returns the exception for a failed call, and frees the error object, which may be 0. */
    static CountersignException take(Abi abi, Frame frame, int status, long error) {
        if (error == 0) {
            return of(Details.bare(status, Verdict.UNEXPECTED, "internal", "the library failed with status " + status, null));
        }
        try {
            CountersignException failure = of(Details.read(abi, frame, status, error));
            Throwable cause = Callbacks.cause(abi.csign_error_cause(error));
            return cause == null ? failure : (CountersignException) failure.initCause(cause);
        } finally {
            abi.csign_error_free(error);
        }
    }

    /** Returns the exception of a call on a closed object. */
    static CountersignException closed(String name) {
        return of(Details.bare(
                Status.CLOSED.number(),
                Verdict.UNEXPECTED,
                "usage",
                "the " + name + " was closed",
                "create a new " + name + ", or close it later"));
    }

    /** Returns the exception for a wrong argument that this package detects. */
    static CountersignException argument(String message) {
        return argument(message, null);
    }

    static CountersignException argument(String message, String hint) {
        return of(Details.bare(Status.BAD_ARGUMENT.number(), Verdict.UNEXPECTED, "usage", message, hint));
    }

    /** Returns the exception for a native library that is missing or incompatible. */
    static CountersignException library(String message, String hint, Throwable cause) {
        CountersignException failure =
                of(Details.bare(Status.UNKNOWN.number(), Verdict.FIX_CONFIGURATION, "library", message, hint));
        if (cause != null) {
            failure.initCause(cause);
        }
        return failure;
    }

    private static CountersignException of(Details details) {
        return switch (details.verdict()) {
            case RETRY -> new RetryException(details);
            case REAUTHORIZE -> new ReauthorizeException(details);
            case FIX_CONFIGURATION -> new FixConfigurationException(details);
            case OUTCOME_UNKNOWN -> new OutcomeUnknownException(details);
            case UNEXPECTED -> new UnexpectedException(details);
        };
    }
}
