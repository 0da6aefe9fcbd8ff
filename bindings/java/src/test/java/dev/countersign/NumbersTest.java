package dev.countersign;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

/** A later library of the same ABI may return numbers that this package doesn't know. */
class NumbersTest {
    private static final int LATER = 77;

    @Test
    void unknownNumbersAreIgnored() {
        assertEquals(Status.UNKNOWN, Status.of(LATER));
        assertEquals(Verdict.UNEXPECTED, Verdict.of(LATER));
        assertEquals(Source.UNKNOWN, Source.of(LATER));
        assertEquals(TokenChange.UNKNOWN, TokenChange.of(LATER));
        assertEquals(LogLevel.DEBUG, LogLevel.of(LATER));
        assertEquals(Revocation.Outcome.UNKNOWN, Revocation.Outcome.of(LATER));
        assertEquals(ErrorKind.UNKNOWN, ErrorKind.of("later"));
        assertEquals(GrantEvent.What.UNKNOWN, GrantEvent.What.of("later"));
    }

    @Test
    void anUnknownStatusIsAFailure() {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            UnexpectedException failure = assertInstanceOf(UnexpectedException.class, frame.failure(LATER));
            assertEquals("the library failed with status " + LATER, failure.getMessage());
        }
    }
}
