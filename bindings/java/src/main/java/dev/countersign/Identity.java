package dev.countersign;

import java.util.Map;
import java.util.Optional;

/**
 * The user that a token is for, and the API's URL, with the vendor's own names.
 *
 * @param members the members of the token response and of the vendor's userinfo, immutable
 */
public record Identity(Map<String, String> members) {
    /**
     * Returns a member.
     *
     * @param name the name, such as {@code account_id}, {@code base_uri} or {@code instance_url}
     * @return its value; empty if the vendor didn't send it
     */
    public Optional<String> get(String name) {
        return Optional.ofNullable(members.get(name));
    }
}
