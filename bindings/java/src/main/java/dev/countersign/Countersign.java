package dev.countersign;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** The native library as a whole. */
public final class Countersign {
    private Countersign() {}

    /**
     * The release of the native library that is running, such as {@code 0.1.0}.
     *
     * @return the release
     * @throws FixConfigurationException where the library is not there
     */
    public static String version() {
        Abi abi = Library.abi();
        long text = abi.csign_version();
        int length = 0;
        while (abi.read(text + length, 1)[0] != 0) {
            length++;
        }
        return new String(abi.read(text, length), StandardCharsets.UTF_8);
    }

    /**
     * Every setting there is: each with {@code name}, {@code secret} and {@code about}. Vendors have more, written
     * {@code extra.NAME}: see {@link Registry#providers()}.
     *
     * @return an immutable list
     */
    public static List<Map<String, Object>> settings() {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_settings(out, frame.error()));
            return Json.objects(frame.takeText(frame.longAt(out)));
        }
    }
}
