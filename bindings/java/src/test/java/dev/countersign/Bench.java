package dev.countersign;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;

/** Measures calls through JNA, with a line of JSON per measurement. {@code bench.sh} runs it. */
final class Bench {
    private static final int ROUNDS = 15;
    private static final int CALLS = 200_000;

    private static Object sink;

    private Bench() {}

    public static void main(String[] arguments) {
        Abi abi = Library.abi();
        try (Client client = Sandbox.get().builder("docusign-jwt").build()) {
            client.token();
            measure("empty call", abi::csign_abi_version);
            measure("cached token", client::accessToken);
            measure("cached token object", client::token);
            measure("cached token, asynchronous", client::tokenAsync);
        }
        System.exit(0);
    }

    private static void measure(String what, Call call) {
        double[] ns = new double[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            long start = ownTime();
            for (int i = 0; i < CALLS; i++) {
                sink = call.run();
            }
            ns[round] = (double) (ownTime() - start) / CALLS;
        }
        // The first third is for JIT compilation.
        double[] warm = Arrays.copyOfRange(ns, ROUNDS / 3, ROUNDS);
        Arrays.sort(warm);
        System.out.printf(Locale.ROOT, "{\"what\":\"%s\",\"ns\":%.1f}%n", what, warm[warm.length / 2]);
    }

    /** Returns the thread's CPU time, in nanoseconds. */
    private static long ownTime() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private interface Call {
        Object run();
    }
}
