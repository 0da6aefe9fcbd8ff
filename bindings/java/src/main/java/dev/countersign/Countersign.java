package dev.countersign;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Information about the native library. */
public final class Countersign {
    private Countersign() {}

    /**
     * Returns the version of the loaded native library, such as {@code 0.1.0}.
     *
     * @return the version
     * @throws FixConfigurationException if the library can't be loaded
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
     * Returns all settings. Vendors have additional settings, {@code extra.NAME}: see
     * {@link Registry#providers()}.
     *
     * @return an immutable list
     */
    public static List<SettingInfo> settings() {
        Abi abi = Library.abi();
        try (Frame frame = Frame.open(abi)) {
            long out = frame.slot();
            frame.check(abi.csign_settings(out, frame.error()));
            return Json.objects(frame.takeText(frame.longAt(out))).stream().map(SettingInfo::of).toList();
        }
    }
}
