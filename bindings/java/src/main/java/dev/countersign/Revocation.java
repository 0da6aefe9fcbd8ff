package dev.countersign;

import java.util.Optional;

/**
 * What became of a token at the vendor when its connection was forgotten.
 *
 * @param outcome how it ended
 * @param reason why, with {@link Outcome#FAILED}
 */
public record Revocation(Outcome outcome, Optional<CountersignException> reason) {
    /** How it ended. */
    public enum Outcome {
        /** The vendor revoked it. */
        REVOKED(1),

        /** The vendor has no revocation: only the copy here is gone. */
        NOT_OFFERED(2),

        /** There was nothing to revoke. */
        NOTHING_HELD(3),

        /**
         * The vendor did not revoke it. {@link Client#forget()} has kept it for another try; {@link Client#forceForget()}
         * has forgotten it all the same.
         */
        FAILED(4),

        /** An outcome that this version of the package does not know. */
        UNKNOWN(-1);

        private final int number;

        Outcome(int number) {
            this.number = number;
        }

        static Outcome of(int number) {
            for (Outcome outcome : values()) {
                if (outcome.number == number) {
                    return outcome;
                }
            }
            return UNKNOWN;
        }
    }
}
