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
 * Finds libcountersign and holds its version against what this package was made for. It is looked for in this
 * order: the file that the environment variable {@code COUNTERSIGN_LIBRARY} names, the jar, and where JNA looks ({@code
 * jna.library.path}, then the system).
 */
final class Library {
    private static final String VARIABLE = "COUNTERSIGN_LIBRARY";

    private static volatile Abi loaded;

    private Library() {}

    static Abi abi() {
        Abi abi = loaded;
        return abi != null ? abi : load();
    }

    /** Where the jar has the library for this machine, such as {@code /native/linux-x86-64/libcountersign.so.0}. */
    static String resource() {
        String file =
                switch (Platform.getOSType()) {
                    case Platform.WINDOWS -> "countersign.dll";
                    case Platform.MAC -> "libcountersign.0.dylib";
                    default -> "libcountersign.so.0";
                };
        return "/native/" + Platform.RESOURCE_PREFIX.toLowerCase(Locale.ROOT) + "/" + file;
    }

    /** Refuses a version whose functions are not those of {@link Abi}. */
    static void checkVersion(int version, String where) {
        int major = version >>> 16;
        int minor = version & 0xffff;
        int madeForMajor = Abi.MADE_FOR >>> 16;
        int madeForMinor = Abi.MADE_FOR & 0xffff;
        if (major != madeForMajor || minor < madeForMinor) {
            throw Failure.library(
                    "the native library " + where + " has ABI " + major + "." + minor
                            + ", and this version of dev.countersign:countersign needs ABI " + madeForMajor + "."
                            + madeForMinor + " or a later " + madeForMajor + ".x",
                    "install a libcountersign and a jar of the same release",
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
                    VARIABLE + " names " + path + ", and there is no such file",
                    "set it to the full path of libcountersign, or not at all",
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
                    "the native library could not be copied out of the jar to a temporary folder: " + cause,
                    "give java.io.tmpdir a writable folder, or set " + VARIABLE,
                    cause);
        }
    }

    private static Abi extracted(InputStream library) throws IOException {
        // Only its owner can write to such a folder, so nobody puts another library in its place.
        Path folder = Files.createTempDirectory("countersign");
        Path file = folder.resolve(Path.of(resource()).getFileName().toString());
        try {
            Files.copy(library, file);
            return at(file.toString(), "of the jar");
        } finally {
            // What is loaded stays mapped; Windows keeps the file until the JVM ends.
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
            // JNA says it once for each place, in lines.
            String why = cause.getMessage().lines().distinct().collect(Collectors.joining("; "));
            throw Failure.library(
                    "the native library libcountersign (" + where + ") could not be loaded: " + why,
                    "set " + VARIABLE + " to its full path, or use a jar that has it for " + Platform.RESOURCE_PREFIX,
                    cause);
        }
    }
}
