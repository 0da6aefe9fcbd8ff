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
        assertEquals(Change.UNKNOWN, Change.of(LATER));
        assertEquals(LogLevel.DEBUG, LogLevel.of(LATER));
        assertEquals(Revocation.Outcome.UNKNOWN, Revocation.Outcome.of(LATER));
    }

    @Test
    void anUnknownStatusIsAFailure() {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            CountersignException failure = assertInstanceOf(UnexpectedException.class, frame.failure(LATER));
            assertEquals(Status.UNKNOWN, failure.status());
            assertEquals(LATER, failure.statusNumber());
        }
    }
}
