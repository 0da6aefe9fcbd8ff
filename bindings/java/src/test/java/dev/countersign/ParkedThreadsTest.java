package dev.countersign;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Thousands of threads that have asked once and are parked fit into a JVM with 8 MB of direct
 * memory. They are virtual threads if {@code test.sh} has found a JDK that has them.
 */
class ParkedThreadsTest {
    @Test
    void parkedThreadsHoldNoMemory() throws Exception {
        String later = System.getenv("COUNTERSIGN_JDK_21");
        boolean virtual = later != null && !later.isEmpty();
        String home = virtual ? later : System.getProperty("java.home");
        Sandbox sandbox = Sandbox.get();
        sandbox.reset();
        Process process = new ProcessBuilder(
                        Path.of(home, "bin", "java").toString(),
                        "-Xmx128m",
                        "-Xss256k",
                        "-XX:MaxDirectMemorySize=8m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Parks.class.getName(),
                        sandbox.connections().toString(),
                        virtual ? "20000" : "2000",
                        String.valueOf(virtual))
                .inheritIO()
                .start();
        try {
            assertTrue(process.waitFor(120, TimeUnit.SECONDS), "the threads did not end");
            assertEquals(0, process.exitValue());
        } finally {
            process.destroyForcibly();
        }
    }

    /** A program whose threads ask for a token once, and wait for each other. */
    static final class Parks {
        private Parks() {}

        public static void main(String[] arguments) throws Exception {
            int count = Integer.parseInt(arguments[1]);
            boolean virtual = Boolean.parseBoolean(arguments[2]);
            CountDownLatch asked = new CountDownLatch(count);
            CountDownLatch end = new CountDownLatch(1);
            AtomicReference<Throwable> failed = new AtomicReference<>();
            try (Client client = Client.builder()
                    .load("docusign-jwt", Path.of(arguments[0]))
                    .setting("store", "memory")
                    .build()) {
                client.token();
                for (int i = 0; i < count; i++) {
                    start(virtual, () -> {
                        try {
                            client.accessToken();
                            client.token();
                            asked.countDown();
                            end.await();
                        } catch (Throwable failure) {
                            failed.set(failure);
                            asked.countDown();
                        }
                    });
                }
                asked.await();
                long buffers = directBuffers();
                end.countDown();
                if (failed.get() != null) {
                    throw new AssertionError("a thread failed", failed.get());
                }
                // The JDK has a few of its own.
                if (buffers > Blocks.MAX + 16) {
                    throw new AssertionError(count + " threads hold " + buffers + " direct buffers");
                }
                if (Blocks.kept() > Blocks.MAX) {
                    throw new AssertionError("the pool has " + Blocks.kept() + " blocks");
                }
            }
        }

        private static void start(boolean virtual, Runnable work)
                throws NoSuchMethodException, IllegalAccessException, InvocationTargetException {
            if (virtual) {
                // The tests are compiled for JDK 17.
                Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, work);
                return;
            }
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            thread.start();
        }

        private static long directBuffers() {
            return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                    .filter(pool -> pool.getName().equals("direct"))
                    .mapToLong(BufferPoolMXBean::getCount)
                    .sum();
        }
    }
}
