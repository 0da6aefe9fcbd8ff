/* fork: in the child, calls on the parent's client fail at once, and a new client works. The
 * parent's client keeps working. Also while other threads are in the middle of calls. */

#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* AddressSanitizer's allocator stays locked in a child that is forked while another thread is
 * inside it, so with AddressSanitizer the parent forks without other threads. */
#ifdef __SANITIZE_ADDRESS__
#define THREADS 0
#else
#define THREADS 4
#endif

static atomic_int go_on = 1;

static void never(void *data, csign_result *result);
static int child(const char *dir, csign_client *before, const csign_token *token);
static void end_child(int status);
static void *keep_asking(void *client);

int main(int argc, char **argv)
{
    csign_client *client;
    csign_token *token;
    pthread_t threads[THREADS + 1];
    int index, round;
    if (argc != 2) return 2;
    client = client_of(argv[1], "boldsign-cc");
    token = token_of(client);
    read_cached_token(client);
    for (index = 0; index < THREADS; ++index) pthread_create(&threads[index], NULL, keep_asking, client);
    for (round = 0; round < 4; ++round) {
        int status = -1;
        pid_t pid;
        fflush(stdout);
        pid = fork();
        if (pid == 0) end_child(child(argv[1], client, token));
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        csign_token_free(token_of(client));
    }
    go_on = 0;
    for (index = 0; index < THREADS; ++index) pthread_join(threads[index], NULL);
    EXPECT(CSIGN_STATUS_OK, csign_client_check_saved(client, &error));
    csign_token_free(token);
    csign_client_free(client);
    return outcome();
}

static int child(const char *dir, csign_client *before, const csign_token *token)
{
    const csign_status forked = CSIGN_STATUS_FORKED;
    csign_client *after;
    char buffer[4096];
    size_t length = 0;
    uint64_t count = 0;
    int64_t expires_at = 0;
    alarm(60);
    faults = 0;
    EXPECT_NOTHING(forked, csign_token, csign_client_token(before, 0, &out, &error));
    EXPECT_NOTHING(forked, csign_token, csign_client_refresh(before, &out, &error));
    EXPECT(forked, csign_client_token_start(before, NULL, never, NULL, &error));
    EXPECT(forked, csign_client_copy_token(before, 0, buffer, sizeof buffer, &length, &error));
    EXPECT_NOTHING(forked, csign_token, csign_client_peek(before, 0, &out, &error));
    EXPECT(forked, csign_client_peek_token(before, buffer, sizeof buffer, &length, &error));
    EXPECT(forked, csign_client_invalidate(before, CSIGN_TEXT("x"), &error));
    EXPECT(forked, csign_client_count(before, 1, &count, &error));
    EXPECT(forked, csign_client_refresh_token_expires_at(before, &expires_at, &error));
    EXPECT(forked, csign_client_check_saved(before, &error));
    EXPECT(forked, csign_client_drain(before, 1000, &error));
    EXPECT(forked, csign_client_forget(before, NULL, NULL, &error));
    EXPECT(forked, csign_client_force_forget(before, NULL, NULL, &error));
    EXPECT_NOTHING(forked, csign_login, csign_client_start_login(before, NULL, 0, &out, &error));
    /* The child can read the parent's token. */
    CHECK(csign_token_value(token, &length) != NULL && length > 0);
    csign_client_close(before);
    /* Freeing it does nothing here. */
    csign_client_free(before);
    EXPECT(forked, csign_client_check_saved(before, &error));

    after = client_of(dir, "boldsign-cc");
    csign_token_free(token_of(after));
    csign_client_free(after);
    return outcome_with_objects();
}

static void never(void *data, csign_result *result)
{
    (void)data, (void)result;
    CHECK(0);
}

/* On success, the child ends with exec: memory of the parent's threads and client is lost in the
 * child, and a leak checker would report it at exit. */
static void end_child(int status)
{
    if (status == 0) execl("/bin/true", "true", (char *)NULL);
    fflush(stdout);
    _exit(1);
}

static void *keep_asking(void *client)
{
    while (go_on) csign_token_free(token_of(client));
    return NULL;
}
