package dev.countersign;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;

/**
 * Finds and loads libcountersign, and rejects an incompatible one. The order is: the file of the
 * environment variable {@code COUNTERSIGN_LIBRARY}, the jar, and JNA's search path
 * ({@code jna.library.path}, then the system).
 */
final class Library {
    private static final String VARIABLE = "COUNTERSIGN_LIBRARY";

    private static volatile Abi loaded;

    private Library() {}

    static Abi abi() {
        Abi abi = loaded;
        return abi != null ? abi : load();
    }

    /**
     * The jar's path of the library for this platform, such as
     * {@code /native/linux-x86-64/libcountersign.so.0}.
     */
    static String resource() {
        String file =
                switch (Platform.getOSType()) {
                    case Platform.WINDOWS -> "countersign.dll";
                    case Platform.MAC -> "libcountersign.0.dylib";
                    default -> "libcountersign.so.0";
                };
        return "/native/" + Platform.RESOURCE_PREFIX.toLowerCase(Locale.ROOT) + "/" + file;
    }

    /** Rejects a version that is incompatible with {@link Abi}. */
    static void checkVersion(int version, String where) {
        int major = version >>> 16;
        int minor = version & 0xffff;
        int madeForMajor = Abi.MADE_FOR >>> 16;
        int madeForMinor = Abi.MADE_FOR & 0xffff;
        if (major != madeForMajor || minor < madeForMinor) {
            throw Failure.library(
                    "the native library " + where + " has ABI " + major + "." + minor
                            + ", but this version of dev.countersign:countersign needs ABI " + madeForMajor + "."
                            + madeForMinor + " or a later " + madeForMajor + ".x",
                    "install the library and the jar of the same release",
                    null);
        }
    }

    private static synchronized Abi load() {
        if (loaded != null) {
            return loaded;
        }
        if (Native.POINTER_SIZE != 8 || Native.SIZE_T_SIZE != 8) {
            throw Failure.library("a 32-bit JVM cannot load libcountersign", "use a 64-bit JVM", null);
        }
        String named = System.getenv(VARIABLE);
        Abi abi = named != null && !named.isEmpty() ? atPath(named) : inJarOrSystem();
        loaded = abi;
        return abi;
    }

    static Abi atPath(String path) {
        if (!Files.isRegularFile(Path.of(path))) {
            throw Failure.library(
                    VARIABLE + " is " + path + ", which does not exist",
                    "set it to the full path of libcountersign, or unset it",
                    null);
        }
        return at(Path.of(path).toAbsolutePath().toString(), path);
    }

    private static Abi inJarOrSystem() {
        try (InputStream library = Library.class.getResourceAsStream(resource())) {
            if (library == null) {
                return at("countersign", "of the system");
            }
            return extracted(library);
        } catch (IOException cause) {
            throw Failure.library(
                    "cannot copy the native library from the jar to a temporary folder: " + cause,
                    "set java.io.tmpdir to a writable folder, or set " + VARIABLE,
                    cause);
        }
    }

    private static Abi extracted(InputStream library) throws IOException {
        // Only its owner can write such a folder, so no other user can replace the library.
        Path folder = Files.createTempDirectory("countersign");
        Path file = folder.resolve(Path.of(resource()).getFileName().toString());
        try {
            Files.copy(library, file);
            return at(file.toString(), "of the jar");
        } finally {
            // The loaded file stays mapped. Windows keeps it until the JVM exits.
            if (Platform.isWindows()) {
                folder.toFile().deleteOnExit();
                file.toFile().deleteOnExit();
            } else {
                Files.deleteIfExists(file);
                Files.deleteIfExists(folder);
            }
        }
    }

    private static Abi at(String name, String where) {
        try {
            NativeLibrary library = NativeLibrary.getInstance(name);
            checkVersion(JnaAbi.versionOf(library), where);
            return new JnaAbi(library);
        } catch (UnsatisfiedLinkError cause) {
            // JNA repeats the message for each path, in lines.
            String why = cause.getMessage().lines().distinct().collect(Collectors.joining("; "));
            throw Failure.library(
                    "cannot load the native library libcountersign (" + where + "): " + why,
                    "set " + VARIABLE + " to its full path, or use a jar with the library for " + Platform.RESOURCE_PREFIX,
                    cause);
        }
    }
}
