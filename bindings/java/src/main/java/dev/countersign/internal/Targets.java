package dev.countersign.internal;

import java.net.URI;

/** Decides which requests may carry a token. Not part of the API. */
public final class Targets {
    private Targets() {}

    /**
     * Rejects a request that would send the token in clear text to another machine.
     *
     * @param uri where the request goes
     * @throws IllegalArgumentException if it must not carry a token
     */
    public static void check(URI uri) {
        if ("https".equalsIgnoreCase(uri.getScheme())) {
            return;
        }
        String host = uri.getHost();
        if (host == null || !isLoopback(host)) {
            throw new IllegalArgumentException("the token is not sent to " + host + " over " + uri.getScheme()
                    + " (use https; plain http is allowed only to localhost and loopback addresses)");
        }
    }

    private static boolean isLoopback(String host) {
        return host.equalsIgnoreCase("localhost") || host.equals("[::1]") || host.matches("127(\\.\\d{1,3}){3}");
    }
}
