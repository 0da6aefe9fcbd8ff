package dev.countersign;

import java.util.List;
import java.util.Set;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

/** The members of a scenario's JSON object. Unknown members are rejected. */
record Members(JsonObject object) {
    static Members of(JsonObject object, String... known) {
        Set<String> names = Set.of(known);
        for (String name : object.keySet()) {
            if (!names.contains(name)) {
                throw new AssertionError("`" + name + "` is unknown; expected " + List.of(known));
            }
        }
        return new Members(object);
    }

    boolean has(String name) {
        return object.has(name);
    }

    JsonElement element(String name) {
        return object.get(name);
    }

    JsonObject object(String name) {
        return object.getAsJsonObject(name);
    }

    String text(String name) {
        return object.get(name).getAsString();
    }

    String textOrNull(String name) {
        return object.has(name) ? text(name) : null;
    }

    long number(String name) {
        return object.get(name).getAsLong();
    }

    boolean isTrue(String name) {
        return object.has(name) && object.get(name).getAsBoolean();
    }
}
