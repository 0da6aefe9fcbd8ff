package dev.countersign;

import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class LibraryTest {
    @Test
    void anIncompatibleVersionIsRejected() {
        Library.checkVersion(Abi.MADE_FOR, "here");
        Library.checkVersion(Abi.MADE_FOR + 1, "here");
        for (int version : new int[] {Abi.MADE_FOR - 1, Abi.MADE_FOR + (1 << 16)}) {
            CountersignException failure = assertThrows(
                    FixConfigurationException.class, () -> Library.checkVersion(version, "at /lib/x.so"));
            assertEquals(ErrorKind.LIBRARY, failure.kind());
            assertTrue(failure.getMessage().contains("at /lib/x.so has ABI"), failure.getMessage());
        }
    }

    @Test
    void theErrorNamesAMissingFile() {
        CountersignException failure =
                assertThrows(FixConfigurationException.class, () -> Library.atPath("/nowhere/libcountersign.so"));
        assertTrue(failure.getMessage().contains("COUNTERSIGN_LIBRARY is /nowhere"), failure.getMessage());
    }

    @Test
    void theErrorNamesAFileThatIsNotALibrary(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("libcountersign.so"), "not a library");
        CountersignException failure =
                assertThrows(FixConfigurationException.class, () -> Library.atPath(file.toString()));
        assertTrue(failure.hint().orElseThrow().contains("COUNTERSIGN_LIBRARY"), failure.toString());
        assertEquals(1, failure.getMessage().lines().count(), failure.getMessage());
    }

    @Test
    void theResourcePathNamesThePlatform() {
        assertTrue(Library.resource().matches("/native/[a-z0-9-]+/.*countersign.*"), Library.resource());
    }

    @Test
    void versionAndSettings() {
        assertTrue(Countersign.version().matches("\\d+\\.\\d+\\.\\d+.*"), Countersign.version());
        assertTrue(Countersign.settings().stream().anyMatch(setting -> setting.name().equals("client_id")));
    }
}
