package dev.countersign;

/** Turns what native calls say into exceptions. */
final class Failure {
    private Failure() {}

    /** The exception of a status that is not OK; the error object, which may be 0, is freed. */
    static CountersignException take(Abi abi, Frame frame, int status, long error) {
        if (error == 0) {
            return of(Details.bare(status, Verdict.UNEXPECTED, "internal", "the library gave status " + status, null));
        }
        try {
            CountersignException failure = of(Details.read(abi, frame, status, error));
            Throwable cause = Callbacks.cause(abi.csign_error_cause(error));
            return cause == null ? failure : (CountersignException) failure.initCause(cause);
        } finally {
            abi.csign_error_free(error);
        }
    }

    /** What the library says of a client that was closed, for objects that it no longer has. */
    static CountersignException closed(String name) {
        return of(Details.bare(
                Status.CLOSED.number(),
                Verdict.UNEXPECTED,
                "usage",
                "the " + name + " was closed",
                "make a new " + name + ", or close it later"));
    }

    /** An argument that cannot be right, told before the library is asked. */
    static CountersignException argument(String message) {
        return argument(message, null);
    }

    static CountersignException argument(String message, String hint) {
        return of(Details.bare(Status.BAD_ARGUMENT.number(), Verdict.UNEXPECTED, "usage", message, hint));
    }

    /** The native library is not there, or is not the one that this package was made for. */
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
