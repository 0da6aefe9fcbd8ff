package dev.countersign;

import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The enums have the values that the library's descriptions of the settings list. */
class SettingsTest {
    @Test
    void grantTypes() {
        assertEquals(listed("grant"), words(Arrays.stream(GrantType.values()).map(GrantType::word)));
    }

    @Test
    void clientAuthentications() {
        assertEquals(
                listed("client_auth"),
                words(Arrays.stream(ClientAuthentication.values()).map(ClientAuthentication::word)));
    }

    @Test
    void theBuilderSetsThem() {
        Client.builder()
                .provider("boldsign")
                .environment("us")
                .grantType(GrantType.CLIENT_CREDENTIALS)
                .clientAuthentication(ClientAuthentication.BASIC)
                .setting("client_id", "my-app")
                .setting("client_secret", "s3cret")
                .setting("store", "memory")
                .buildAsync()
                .join()
                .close();
    }

    private static Set<String> listed(String setting) {
        String about = Countersign.settings().stream()
                .filter(one -> one.name().equals(setting))
                .findFirst()
                .orElseThrow()
                .about();
        return words(Arrays.stream(about.substring(about.indexOf(": ") + 2).split(", | or ")));
    }

    private static Set<String> words(Stream<String> words) {
        return words.collect(TreeSet::new, TreeSet::add, TreeSet::addAll);
    }
}
