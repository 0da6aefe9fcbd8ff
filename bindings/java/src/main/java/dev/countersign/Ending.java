package dev.countersign;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Drains all clients before the JVM exits, within one time limit. Without a client there is no
 * hook, because a hook would keep the class loader of a web application that was undeployed.
 */
final class Ending {
    private static final Thread HOOK = new Thread(Ending::drain, "countersign-drain");
    /** The clients that are not freed, by address. */
    private static final Map<Long, Handle> LIVE = new HashMap<>();

    private static boolean hooked;

    private Ending() {}

    /** Drains a client at exit, unless it is freed before. */
    static synchronized void drains(long client, Handle handle) {
        LIVE.put(client, handle);
        if (!hooked) {
            try {
                Runtime.getRuntime().addShutdownHook(HOOK);
                hooked = true;
            } catch (IllegalStateException exiting) {
                // A client that is created during the exit is not drained.
                return;
            }
        }
    }

    /** Forgets a client that is freed. */
    static synchronized void freed(long client) {
        LIVE.remove(client);
        if (hooked && LIVE.isEmpty()) {
            try {
                Runtime.getRuntime().removeShutdownHook(HOOK);
                hooked = false;
            } catch (IllegalStateException exiting) {
                // The hook runs, and finds nothing to drain.
                return;
            }
        }
    }

    /** Returns whether the JVM has a hook of this package. */
    static synchronized boolean isHooked() {
        return hooked;
    }

    private static void drain() {
        List<Handle> clients;
        synchronized (Ending.class) {
            clients = new ArrayList<>(LIVE.values());
        }
        // First keep all clients from starting requests, then wait for those in flight.
        clients.forEach(client -> drain(client, 0));
        long end = System.nanoTime() + Client.DRAIN.toNanos();
        clients.forEach(client -> drain(client, Math.max(0, (end - System.nanoTime()) / 1_000_000)));
    }

    private static void drain(Handle handle, long timeoutMs) {
        long client;
        try {
            client = handle.enter();
        } catch (ClosedException closed) {
            return;
        }
        try {
            Library.abi().csign_client_drain(client, timeoutMs, 0);
        } finally {
            handle.leave();
        }
    }
}
