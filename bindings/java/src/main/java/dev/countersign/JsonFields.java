package dev.countersign;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the members of a JSON object of the library. */
record JsonFields(Map<String, Object> members) {
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

    Map<String, Object> object(String name) {
        Object value = members.get(name);
        return value == null ? Map.of() : of(value).members();
    }

    @SuppressWarnings("unchecked")
    private static JsonFields of(Object object) {
        return new JsonFields((Map<String, Object>) object);
    }

    private List<?> list(String name) {
        Object value = members.get(name);
        return value == null ? List.of() : (List<?>) value;
    }
}
