package dev.countersign;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The memory of calls doesn't grow with the number of threads that have made one. */
class BlocksTest {
    private static final int THREADS = 400;

    @Test
    void threadsKeepNoMemory() throws Exception {
        Sandbox sandbox = Sandbox.get();
        sandbox.reset();
        try (Client client = sandbox.builder("docusign-jwt").build()) {
            client.token();
            long before = directBuffers();
            CountDownLatch asked = new CountDownLatch(THREADS);
            CountDownLatch end = new CountDownLatch(1);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                Thread thread = new Thread(() -> {
                    client.accessToken();
                    asked.countDown();
                    await(end);
                });
                thread.start();
                threads.add(thread);
            }
            assertTrue(asked.await(60, TimeUnit.SECONDS));
            assertEquals(before, directBuffers(), "the threads keep direct buffers");
            assertTrue(Blocks.kept() <= Blocks.MAX, "the pool has more blocks than slots");
            end.countDown();
            for (Thread thread : threads) {
                thread.join();
            }
        }
    }

    @Test
    void blocksBeyondThePoolAreFreed() {
        Abi abi = Library.abi();
        List<Frame> nested = new ArrayList<>();
        for (int i = 0; i < 2 * Blocks.MAX; i++) {
            nested.add(Frame.open(abi));
        }
        nested.forEach(Frame::close);
        assertTrue(Blocks.kept() <= Blocks.MAX);
        try (Frame frame = Frame.open(abi)) {
            assertEquals(0, frame.longAt(frame.slot()), "the block is not wiped");
        }
    }

    private static long directBuffers() {
        return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(BufferPoolMXBean::getCount)
                .sum();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interruption) {
            throw new IllegalStateException(interruption);
        }
    }
}
