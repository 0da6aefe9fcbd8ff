package dev.countersign;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** {@link Abi} is typed by hand: this holds it against the header. */
class HeaderTest {
    /** What this package has no use for. */
    private static final Set<String> UNUSED = Set.of(
            // The handle refuses later calls itself.
            "csign_client_close",
            // An enum's own names do.
            "csign_status_name",
            "csign_verdict_name",
            // csign_client_peek gives the same token's handle again, which need not be copied.
            "csign_client_peek_token",
            // The collector keeps a token for all who have it.
            "csign_token_share",
            // csign_token_extra_json has them all.
            "csign_token_extra",
            // csign_error_cause tells more.
            "csign_error_callback_status",
            "csign_test_panic");

    private static final Pattern FUNCTION =
            Pattern.compile("CSIGN_API\\s+([\\w ]+?[ *]+)(csign_\\w+)\\(([^)]*)\\);");
    private static final Pattern VALUE = Pattern.compile("\\b(CSIGN_[A-Z0-9_]+) = (\\d+),");
    private static final Set<String> FOUR_BYTES = Set.of(
            "int32_t", "uint32_t", "uint16_t", "csign_status", "csign_verdict", "csign_source", "csign_log_level");

    private static String header;

    @BeforeAll
    static void read() throws IOException {
        header = Files.readString(Path.of(System.getenv("COUNTERSIGN_INCLUDE_DIR"), "countersign.h"));
    }

    @Test
    void everyFunctionIsThereWithItsParameters() {
        Map<String, String> declared = new TreeMap<>();
        for (MatchResult found : FUNCTION.matcher(header).results().toList()) {
            declared.put(found.group(2), signature(found.group(1), found.group(3)));
        }
        assertTrue(declared.size() > 60, "the header is read: " + declared.size());
        assertTrue(declared.keySet().containsAll(used()), "all that is called is declared");
        declared.keySet().removeAll(UNUSED);
        Map<String, String> called = Arrays.stream(Abi.class.getDeclaredMethods())
                .filter(method -> method.getName().startsWith("csign_"))
                .collect(Collectors.toMap(Method::getName, HeaderTest::signature, (a, b) -> a, TreeMap::new));
        assertSame(declared, called);
    }

    @Test
    void everyNumberHasItsName() {
        Map<String, Integer> declared = new TreeMap<>();
        for (MatchResult found : VALUE.matcher(header).results().toList()) {
            declared.put(found.group(1), Integer.valueOf(found.group(2)));
        }
        Map<String, Integer> known = new TreeMap<>();
        for (Status status : Status.values()) {
            if (status != Status.UNKNOWN) {
                known.put("CSIGN_STATUS_" + status, status.number());
            }
        }
        numbered("CSIGN_VERDICT_", declared, Verdict::of, known);
        numbered("CSIGN_SOURCE_", declared, Source::of, known);
        numbered("CSIGN_CHANGE_", declared, Change::of, known);
        numbered("CSIGN_LOG_LEVEL_", declared, LogLevel::of, known);
        numbered("CSIGN_REVOCATION_", declared, Revocation.Outcome::of, known);
        // Client.counts asks for the counters in this order.
        RecordComponent[] counters = Counts.class.getRecordComponents();
        for (int i = 0; i < counters.length; i++) {
            known.put("CSIGN_COUNTER_" + counters[i].getName().toUpperCase(Locale.ROOT), i + 1);
        }
        assertSame(declared, known);
    }

    /** What the header says of each status is what the documentation here says. */
    @Test
    void everyStatusIsDescribedAsInTheHeader() throws IOException {
        Path file = Path.of("src/main/java/dev/countersign/Status.java");
        Map<String, String> own = described(Files.readString(file), "\\b([A-Z0-9_]+)\\(\\d+\\)[,;]");
        Map<String, String> declared = described(header, "CSIGN_STATUS_([A-Z0-9_]+) = \\d+,");
        assertTrue(declared.size() > 25, "the header is read: " + declared.size());
        assertSame(declared, own);
    }

    private static Map<String, String> described(String text, String member) {
        return Pattern.compile("/\\*\\*((?:(?!\\*/).)*)\\*/\\s*" + member, Pattern.DOTALL)
                .matcher(text)
                .results()
                .collect(Collectors.toMap(
                        found -> found.group(2),
                        found -> found.group(1).replaceAll("[\\s*]+", " ").strip(),
                        (a, b) -> a,
                        TreeMap::new));
    }

    @Test
    void theVersionIsTheHeaders() {
        MatchResult found = Pattern.compile("#define CSIGN_ABI_VERSION (\\w+)")
                .matcher(header)
                .results()
                .findFirst()
                .orElseThrow();
        assertEquals(Integer.decode(found.group(1)), Abi.MADE_FOR);
    }

    private static void numbered(
            String prefix, Map<String, Integer> declared, Function<Integer, Enum<?>> of, Map<String, Integer> known) {
        declared.forEach((name, number) -> {
            if (name.startsWith(prefix)) {
                known.put(prefix + of.apply(number).name(), number);
            }
        });
    }

    private static Set<String> used() {
        return Arrays.stream(Abi.class.getDeclaredMethods())
                .map(Method::getName)
                .filter(name -> name.startsWith("csign_"))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Such as {@code int(long,int)}, of a declaration in C. */
    private static String signature(String result, String parameters) {
        List<String> types = new ArrayList<>();
        if (!parameters.strip().equals("void")) {
            for (String parameter : parameters.split(",")) {
                types.add(type(parameter.strip().replaceFirst("\\w+$", "")));
            }
        }
        return type(result) + types;
    }

    private static String signature(Method method) {
        List<String> types =
                Arrays.stream(method.getParameterTypes()).map(Class::getName).toList();
        return method.getReturnType().getName() + types;
    }

    private static String type(String c) {
        String bare = c.replace("const", "").replace("struct", "").strip();
        if (bare.equals("void")) {
            return "void";
        }
        return FOUR_BYTES.contains(bare) ? "int" : "long";
    }

    private static <T> void assertSame(Map<String, T> declared, Map<String, T> known) {
        Map<String, T> missing = new TreeMap<>(declared);
        missing.entrySet().removeAll(known.entrySet());
        Map<String, T> wrong = new TreeMap<>(known);
        wrong.entrySet().removeAll(declared.entrySet());
        assertEquals(Map.of(), missing, "in the header only; here only: " + wrong);
        assertEquals(Map.of(), wrong, "here only");
    }
}
