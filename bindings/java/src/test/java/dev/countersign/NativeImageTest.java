package dev.countersign;

import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The metadata for GraalVM names everything that JNA looks up. GraalVM itself is not tested. */
class NativeImageTest {
    private static final String METADATA =
            "/META-INF/native-image/dev.countersign/countersign/reachability-metadata.json";

    @Test
    void theMetadataNamesWhatJnaLooksUp() throws Exception {
        Set<String> named = new TreeSet<>();
        try (InputStream file = Library.class.getResourceAsStream(METADATA)) {
            JsonObject metadata = JsonParser.parseReader(new InputStreamReader(file, StandardCharsets.UTF_8))
                    .getAsJsonObject();
            for (JsonElement entry : metadata.getAsJsonArray("reflection")) {
                named.add(entry.getAsJsonObject().get("type").getAsString());
            }
        }
        Set<String> needed = new TreeSet<>(Set.of(JnaFunctions.class.getName(), JnaAbi.class.getName()));
        Arrays.stream(JnaFunctions.class.getDeclaredClasses()).map(Class::getName).forEach(needed::add);
        assertEquals(needed, named);
    }
}
