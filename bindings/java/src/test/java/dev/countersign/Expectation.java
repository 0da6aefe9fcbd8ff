package dev.countersign;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares a step's result to its expectation. */
final class Expectation {
    private static final long ABOUT_S = 30;

    private final UnaryOperator<String> filled;
    private final Map<String, Token> named;
    private final TestClock clock;

    Expectation(UnaryOperator<String> filled, Map<String, Token> named, TestClock clock) {
        this.filled = filled;
        this.named = named;
        this.clock = clock;
    }

    /**
     * Runs a call and checks its result or error. Returns the result, or null if an error was
     * expected.
     */
    <T> T result(Members step, Callable<T> call, BiConsumer<JsonObject, T> look) throws Exception {
        if (!step.has("expect")) {
            return call.call();
        }
        JsonObject expect = step.object("expect");
        if (expect.has("error")) {
            Members.of(expect, "error");
            error(expect.getAsJsonObject("error"), assertThrows(RuntimeException.class, call::call));
            return null;
        }
        T result = call.call();
        look.accept(expect, result);
        return result;
    }

    void token(JsonObject object, Token token) {
        Members expect = Members.of(
                object, "source", "same_as", "different_from", "token_type", "scope", "expires_in_about_s", "extra",
                "headers", "headers_error");
        for (String name : object.keySet()) {
            switch (name) {
                case "source" -> assertEquals(expect.text(name), word(token.source()), name);
                case "same_as" -> assertEquals(
                        named.get(expect.text(name)).accessToken(), token.accessToken(), name);
                case "different_from" -> assertNotEquals(
                        named.get(expect.text(name)).accessToken(), token.accessToken(), name);
                case "token_type" -> assertEquals(expect.text(name), token.tokenType(), name);
                case "scope" -> assertEquals(Optional.of(expect.text(name)), token.scope(), name);
                case "expires_in_about_s" -> expiresIn(expect.element(name), token);
                case "headers" -> headers(expect.object(name), token);
                case "headers_error" -> error(
                        expect.object(name), assertThrows(CountersignException.class, token::headers));
                default -> extra(expect.object(name), token.extra());
            }
        }
        assertTrue(!token.toString().contains(token.accessToken()), "toString shows the token");
    }

    void identity(JsonObject object, Identity identity) {
        extra(Members.of(object, "extra").object("extra"), identity.members());
    }

    void revocation(JsonObject object, Revocation revocation) {
        assertEquals(Members.of(object, "revocation").text("revocation"), word(revocation.outcome()));
        assertEquals(
                revocation.outcome() == Revocation.Outcome.FAILED,
                revocation.reason().isPresent());
    }

    void counts(JsonObject object, Counts counts) {
        Members expect = Members.of(object, "hits", "adopted", "minted", "refreshed", "waits", "failures");
        Map<String, Long> found = Map.of(
                "hits", counts.hits(),
                "adopted", counts.adopted(),
                "minted", counts.minted(),
                "refreshed", counts.refreshed(),
                "waits", counts.waits(),
                "failures", counts.failures());
        for (String name : object.keySet()) {
            assertEquals(expect.number(name), found.get(name), name + " of " + counts);
        }
    }

    void error(JsonObject object, RuntimeException failure) {
        if (!(failure instanceof CountersignException error)) {
            wrongUse(object, failure);
            return;
        }
        Members expect = Members.of(
                object, "verdict", "kind", "http_status", "oauth_error", "oauth_description", "setting", "provider",
                "url", "trace_id", "hint", "retry_after_s", "message_has", "hint_has");
        try {
            assertTrue(classOf(error.verdict()).isInstance(error), "the exception's class is not the verdict's");
            for (String name : object.keySet()) {
                error(name, expect, error);
            }
        } catch (AssertionError different) {
            different.addSuppressed(error);
            throw different;
        }
    }

    /** Wrong use has the JDK's exceptions, without the library's fields. */
    private static void wrongUse(JsonObject object, RuntimeException failure) {
        Members expect = Members.of(object, "verdict", "kind", "message_has", "hint_has");
        assertEquals("usage", expect.text("kind"), failure.toString());
        assertTrue(failure instanceof IllegalStateException || failure instanceof IllegalArgumentException, failure.toString());
        for (String name : List.of("message_has", "hint_has")) {
            if (expect.has(name)) {
                assertTrue(failure.getMessage().contains(expect.text(name)), failure.getMessage());
            }
        }
    }

    private void error(String name, Members expect, CountersignException error) {
        switch (name) {
            case "verdict" -> assertEquals(expect.text(name), error.verdict().word(), name);
            case "kind" -> assertEquals(expect.text(name), error.kind().word(), name);
            case "http_status" -> assertEquals(expect.number(name), error.httpStatus().orElse(0), name);
            case "oauth_error" -> member(name, expect, error.oauthError());
            case "oauth_description" -> member(name, expect, error.oauthDescription());
            case "setting" -> member(name, expect, error.setting());
            case "provider" -> member(name, expect, error.provider());
            case "url" -> member(name, expect, error.url());
            case "trace_id" -> member(name, expect, error.traceId());
            case "hint" -> member(name, expect, error.hint());
            case "retry_after_s" -> member(
                    name, expect, error.retryAfter().map(Duration::toSeconds).map(Object::toString));
            case "message_has" -> contains(expect.text(name), error.getMessage());
            default -> contains(expect.text(name), error.hint().orElse(""));
        }
    }

    private void member(String name, Members expect, Optional<String> found) {
        JsonElement expected = expect.element(name);
        if (expected.isJsonNull()) {
            assertEquals(Optional.empty(), found, name);
        } else if (expected.getAsString().equals("*")) {
            assertTrue(found.filter(text -> !text.isEmpty()).isPresent(), name + " is missing");
        } else {
            assertEquals(Optional.of(filled.apply(expected.getAsString())), found, name);
        }
    }

    private void contains(String part, String whole) {
        assertTrue(whole.contains(filled.apply(part)), () -> "`" + whole + "` does not contain `" + part + "`");
    }

    private void extra(JsonObject expect, Map<String, String> found) {
        for (String name : expect.keySet()) {
            String expected = filled.apply(expect.get(name).getAsString());
            if (expected.equals("*")) {
                assertTrue(!found.getOrDefault(name, "").isEmpty(), () -> name + " in " + found.keySet());
            } else {
                assertEquals(expected, found.get(name), name);
            }
        }
    }

    /** Checks that the token has these headers and no others. <code>{token}</code> is the access token. */
    private void headers(JsonObject expect, Token token) {
        assertEquals(expect.keySet(), token.headers().keySet());
        for (String name : expect.keySet()) {
            String expected = expect.get(name).getAsString().replace("{token}", token.accessToken());
            String found = token.headers().get(name);
            assertTrue(expected.equals("*") ? !found.isEmpty() : expected.equals(found), name);
        }
    }

    private void expiresIn(JsonElement expected, Token token) {
        if (expected.isJsonNull()) {
            assertEquals(Optional.empty(), token.expiresAt(), "expires_at");
            return;
        }
        Instant now = clock.instant();
        long found = Duration.between(now, token.expiresAt().orElseThrow()).toSeconds();
        assertTrue(Math.abs(found - expected.getAsLong()) <= ABOUT_S, () -> "expires in " + found + " s");
    }

    private static Class<?> classOf(Verdict verdict) {
        return switch (verdict) {
            case RETRY -> RetryException.class;
            case REAUTHORIZE -> ReauthorizeException.class;
            case FIX_CONFIGURATION -> FixConfigurationException.class;
            case OUTCOME_UNKNOWN -> OutcomeUnknownException.class;
            case UNEXPECTED -> UnexpectedException.class;
        };
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
