package dev.countersign;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

import com.google.gson.Gson;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

class JsonTest {
    @Test
    void everyKindOfValue() {
        Map<String, Object> parsed = Json.object(
                " { \"a\" : [ 1 , -2.5e1 , true , false , null , { } , [ ] ] , \"b\\u00e9\\n\\\"\" : \"\\ud83d\\ude00\\/\\t\\\\\" } ")
                .members();
        assertEquals(
                Arrays.asList(1L, -25.0, true, false, null, Map.of(), List.of()), parsed.get("a"));
        assertEquals("\ud83d\ude00/\t\\", parsed.get("b\u00e9\n\""));
    }

    @Test
    void theLibrarysTextsAreReadAsGsonReadsThem() {
        try (Registry registry = new Registry()) {
            for (ProviderInfo provider : registry.providers()) {
                assertFalse(provider.grants().isEmpty(), provider.id());
            }
        }
        String text = "{\"name\":\"Zo\u00eb \u2028 \u0001x\"}".replace("\u0001", "\\u0001");
        assertEquals(new Gson().fromJson(text, Map.class), Json.texts(text));
    }

    @Test
    void malformedTextIsRejectedWithoutShowingIt() {
        for (String text : List.of("", "{\"s3cret\"", "[\"s3cret", "{\"s3cret\" 1}", "[1 2]", "[] s3cret", "nul")) {
            RuntimeException failure = assertThrows(RuntimeException.class, () -> Json.object(text), text);
            assertFalse(String.valueOf(failure.getMessage()).contains("s3cret"), failure.toString());
        }
    }
}
