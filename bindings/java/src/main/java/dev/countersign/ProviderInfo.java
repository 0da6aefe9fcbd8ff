package dev.countersign;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Describes a provider.
 *
 * @param id the setting {@code provider}
 * @param name the vendor's name
 * @param documentation the URL of the vendor's documentation
 * @param environments the values of the setting {@code environment}
 * @param grants the values of the setting {@code grant}
 * @param extra descriptions of the vendor's additional settings, by name: {@code extra.NAME}
 */
public record ProviderInfo(
        String id,
        String name,
        Optional<String> documentation,
        List<String> environments,
        List<String> grants,
        Map<String, String> extra) {
    static ProviderInfo of(JsonFields fields) {
        return new ProviderInfo(
                fields.text("id"),
                fields.text("name"),
                fields.optional("documentation"),
                fields.texts("environments"),
                fields.texts("grants"),
                fields.object("extra").asTexts());
    }
}
