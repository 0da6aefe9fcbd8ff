package dev.countersign;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import com.google.gson.reflect.TypeToken;

/** Parses the library's JSON into immutable maps and lists. */
final class Json {
    private static final Gson GSON = new GsonBuilder()
            .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
            .create();

    private Json() {}

    /** Parses an object whose values are strings. */
    static Map<String, String> texts(String json) {
        if (json == null || json.equals("{}")) {
            return Map.of();
        }
        return Collections.unmodifiableMap(
                GSON.fromJson(json, new TypeToken<LinkedHashMap<String, String>>() {}));
    }

    /** Parses an object with any values. */
    static Map<String, Object> object(String json) {
        return Collections.unmodifiableMap(
                GSON.fromJson(json, new TypeToken<LinkedHashMap<String, Object>>() {}));
    }

    /** Parses an array of objects. */
    static List<Map<String, Object>> objects(String json) {
        return Collections.unmodifiableList(GSON.fromJson(json, new TypeToken<List<Map<String, Object>>>() {}));
    }
}
