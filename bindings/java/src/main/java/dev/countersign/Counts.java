package dev.countersign;

/**
 * How often something happened since a client was made.
 *
 * @param hits tokens handed out from memory, other than by {@link Client#accessToken()}
 * @param adopted tokens taken over from the store
 * @param minted tokens asked for by assertion, client credentials or login
 * @param refreshed tokens got with a refresh token
 * @param waits callers that waited for a request that another one had started
 * @param failures requests, or attempts at one, that brought no token
 */
public record Counts(long hits, long adopted, long minted, long refreshed, long waits, long failures) {}
