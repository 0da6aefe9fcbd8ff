package dev.countersign;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/** Drains all clients before the JVM exits, within one time limit. */
final class Ending {
    private static final Map<Handle, Abi> LIVE = Collections.synchronizedMap(new WeakHashMap<>());

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(Ending::drain, "countersign-drain"));
    }

    private Ending() {}

    /** Drains the client of this handle at exit, unless it is closed before. */
    static void drains(Abi abi, Handle client) {
        LIVE.put(client, abi);
    }

    private static void drain() {
        List<Map.Entry<Handle, Abi>> clients;
        synchronized (LIVE) {
            clients = new ArrayList<>(LIVE.entrySet());
        }
        // First keep all clients from starting requests, then wait for those in flight.
        clients.forEach(client -> drain(client.getKey(), client.getValue(), 0));
        long end = System.nanoTime() + Client.DRAIN.toNanos();
        clients.forEach(client -> {
            long left = Math.max(0, (end - System.nanoTime()) / 1_000_000);
            drain(client.getKey(), client.getValue(), left);
        });
    }

    private static void drain(Handle handle, Abi abi, long timeoutMs) {
        long client;
        try {
            client = handle.enter();
        } catch (CountersignException closed) {
            return;
        }
        try {
            abi.csign_client_drain(client, timeoutMs, 0);
        } finally {
            handle.leave();
        }
    }
}
