package dev.countersign;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Many threads on one client. */
final class Crowd {
    private Crowd() {}

    /** Returns the results of threads that are released together, as calls that return or throw. */
    static <T> List<Callable<T>> together(int count, Callable<T> call) throws InterruptedException {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        try {
            CountDownLatch ready = new CountDownLatch(count);
            List<Callable<T>> results = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                Future<T> result = threads.submit(() -> {
                    ready.countDown();
                    ready.await();
                    return call.call();
                });
                results.add(() -> unwrapped(result));
            }
            return results;
        } finally {
            threads.shutdown();
            assertTrue(threads.awaitTermination(60, TimeUnit.SECONDS), "the threads did not end");
        }
    }

    /**
     * Closes a client while threads use it. Each call must return a token or fail because the
     * client is closed.
     */
    static void closesInUse(Client client, int count) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        CountDownLatch served = new CountDownLatch(count);
        List<Future<ClosedException>> ends = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            boolean bare = i % 2 == 0;
            ends.add(threads.submit(() -> {
                boolean first = true;
                while (true) {
                    try {
                        String token = bare ? client.accessToken() : client.token().accessToken();
                        assertTrue(!token.isEmpty(), "a token");
                    } catch (ClosedException end) {
                        return end;
                    }
                    if (first) {
                        served.countDown();
                        first = false;
                    }
                }
            }));
        }
        assertTrue(served.await(30, TimeUnit.SECONDS), "not every thread got a token");
        Thread closing = new Thread(client::close);
        closing.start();
        threads.shutdown();
        assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS), "the threads did not end");
        closing.join();
        for (Future<ClosedException> end : ends) {
            assertFalse(end.get().getMessage().isEmpty());
        }
        assertThrows(ClosedException.class, client::token);
    }

    private static <T> T unwrapped(Future<T> result) throws Exception {
        try {
            return result.get();
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw failure;
        }
    }
}
