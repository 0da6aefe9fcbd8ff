package dev.countersign;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the members of a JSON object of the library. */
record JsonFields(Map<String, Object> members) {
    @SuppressWarnings("unchecked")
    static JsonFields of(Object object) {
        return new JsonFields((Map<String, Object>) object);
    }

    String text(String name) {
        return (String) members.get(name);
    }

    /** null is the same as a missing member. */
    Optional<String> optional(String name) {
        return Optional.ofNullable(text(name));
    }

    long number(String name) {
        return (Long) members.get(name);
    }

    boolean isTrue(String name) {
        return Boolean.TRUE.equals(members.get(name));
    }

    Instant seconds(String name) {
        return Instant.ofEpochSecond(number(name));
    }

    List<String> texts(String name) {
        return list(name).stream().map(String.class::cast).toList();
    }

    List<JsonFields> objects(String name) {
        return list(name).stream().map(JsonFields::of).toList();
    }

    JsonFields object(String name) {
        Object value = members.get(name);
        return of(value == null ? Map.of() : value);
    }

    /** Returns all members, in order, for an object whose values are strings. */
    Map<String, String> asTexts() {
        Map<String, String> texts = new LinkedHashMap<>();
        members.forEach((name, value) -> texts.put(name, String.valueOf(value)));
        return Collections.unmodifiableMap(texts);
    }

    private List<?> list(String name) {
        Object value = members.get(name);
        return value == null ? List.of() : (List<?>) value;
    }
}
