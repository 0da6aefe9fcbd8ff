package dev.countersign;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Parses the library's JSON into immutable maps and lists, strings, booleans, and numbers of type
 * {@code Long} or {@code Double}. The library writes only valid JSON.
 */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Parses an object whose values are strings. */
    static Map<String, String> texts(String json) {
        if (json == null || json.equals("{}")) {
            return Map.of();
        }
        return object(json).asTexts();
    }

    /** Parses an object with any values. */
    static JsonFields object(String json) {
        return JsonFields.of(parsed(json));
    }

    /** Parses an array of objects. */
    static List<JsonFields> objects(String json) {
        return ((List<?>) parsed(json)).stream().map(JsonFields::of).toList();
    }

    private static Object parsed(String json) {
        Json parser = new Json(json);
        Object value = parser.value();
        if (parser.next() != 0) {
            throw parser.malformed();
        }
        return value;
    }

    private Object value() {
        char start = next();
        return switch (start) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object() {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        while (next() != '}') {
            if (!members.isEmpty()) {
                take(',');
            }
            String name = string();
            take(':');
            members.put(name, value());
        }
        at++;
        return Collections.unmodifiableMap(members);
    }

    private List<Object> array() {
        List<Object> values = new ArrayList<>();
        at++;
        while (next() != ']') {
            if (!values.isEmpty()) {
                take(',');
            }
            values.add(value());
        }
        at++;
        return Collections.unmodifiableList(values);
    }

    private String string() {
        StringBuilder string = new StringBuilder();
        take('"');
        for (char c = character(); c != '"'; c = character()) {
            string.append(c == '\\' ? escaped() : c);
        }
        return string.toString();
    }

    private char escaped() {
        char c = character();
        return switch (c) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> (char) Integer.parseInt(text.substring(at, at += 4), 16);
            default -> c;
        };
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String number = text.substring(start, at);
        try {
            return Long.valueOf(number);
        } catch (NumberFormatException fraction) {
            return Double.valueOf(number);
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw malformed();
        }
        at += word.length();
        return value;
    }

    private void take(char expected) {
        if (next() != expected) {
            throw malformed();
        }
        at++;
    }

    private char character() {
        if (at == text.length()) {
            throw malformed();
        }
        return text.charAt(at++);
    }

    /** Skips white space, and returns the next character without taking it, or 0 at the end. */
    private char next() {
        while (at < text.length() && text.charAt(at) <= ' ') {
            at++;
        }
        return at == text.length() ? 0 : text.charAt(at);
    }

    /** The text may contain a secret, so it is not in the message. */
    private IllegalArgumentException malformed() {
        return new IllegalArgumentException("not JSON at character " + at);
    }
}
