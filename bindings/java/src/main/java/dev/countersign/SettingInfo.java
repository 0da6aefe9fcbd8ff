package dev.countersign;

/**
 * Describes a setting.
 *
 * @param name the name, as in TOML
 * @param secret whether it is a secret, which can also be set as {@code NAME_file} or {@code NAME_env}
 * @param about a description
 */
public record SettingInfo(String name, boolean secret, String about) {
    static SettingInfo of(JsonFields fields) {
        return new SettingInfo(fields.text("name"), fields.isTrue("secret"), fields.text("about"));
    }
}
