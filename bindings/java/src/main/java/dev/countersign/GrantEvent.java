package dev.countersign;

import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * An event in the life of a connection's grant. It contains no token.
 *
 * @param at the time, by the store's clock
 * @param by the host, process and client
 * @param attempt the attempt that the event belongs to
 * @param what what happened
 * @param spent the fingerprint of the refresh token that was spent
 * @param got the fingerprint of the refresh token that was received
 */
public record GrantEvent(
        Instant at, String by, Optional<String> attempt, What what, Optional<String> spent, Optional<String> got) {
    /** What happened. */
    public enum What {
        /** A person logged in. */
        LOGGED_IN,
        /** The intent to send a request was recorded. */
        INTENDED,
        /** The request was not sent. */
        NOT_SENT,
        /** The server rejected the request. */
        REJECTED,
        /** The response was lost. */
        RESPONSE_LOST,
        /** The response had a new token. */
        REFRESHED,
        /** The response had a new refresh token, but was unusable otherwise. */
        SALVAGED,
        /** The grant is lost because the response with the new refresh token never arrived. */
        LOST,
        /** The vendor ended the grant. */
        DEAD,
        /** The vendor did not revoke the token at a logout. */
        NOT_REVOKED,
        /** A token that couldn't be stored at first was recovered. */
        RECOVERED,
        /**
         * An API rejected a token that had replaced a rejected one less than a minute before. The
         * client returned it again.
         */
        REJECTED_AGAIN,
        /** An event that this version of the package does not know. */
        UNKNOWN;

        static What of(String word) {
            for (What what : values()) {
                if (what.name().toLowerCase(Locale.ROOT).equals(word)) {
                    return what;
                }
            }
            return UNKNOWN;
        }
    }

    static GrantEvent of(JsonFields fields) {
        return new GrantEvent(
                Instant.ofEpochMilli(fields.number("at_ms")),
                fields.text("by"),
                fields.optional("attempt"),
                What.of(fields.text("what")),
                fields.optional("spent"),
                fields.optional("got"));
    }
}
