/* Calls that are started: `done` is called exactly once, on the library's thread, whatever happens
 * to the client meanwhile; or never, if the start failed. */

#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 16
#define ROUNDS 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* What `done` was called with. */
struct call {
    int count;
    csign_result *result;
    pthread_t thread;
};

static void done(void *data, csign_result *result)
{
    struct call *call = data;
    pthread_mutex_lock(&lock);
    ++call->count;
    call->result = result;
    call->thread = pthread_self();
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(struct call *call)
{
    pthread_mutex_lock(&lock);
    while (call->count == 0) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* Waits for a call, which must end with this status, and forgets it. */
static void ends(struct call *call, csign_status wanted)
{
    csign_status status;
    wait_for(call);
    status = csign_result_status(call->result);
    if (status != wanted) printf("%s, not %s\n", csign_status_name(status), csign_status_name(wanted));
    CHECK(status == wanted);
    CHECK(call->count == 1);
    CHECK(!pthread_equal(call->thread, pthread_self()));
    CHECK((csign_result_error(call->result) == NULL) == (wanted == CSIGN_STATUS_OK));
    CHECK(wanted == CSIGN_STATUS_OK || csign_error_status(csign_result_error(call->result)) == wanted);
    CHECK(wanted == CSIGN_STATUS_OK || csign_result_token(call->result) == NULL);
    csign_result_free(call->result);
    memset(call, 0, sizeof *call);
}

/* A listener that hangs while the gate is shut: then so does the request. */
static int is_shut, is_hanging;

static void shut(int shut)
{
    pthread_mutex_lock(&lock);
    is_shut = shut;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void hang(void *data, csign_change change, const csign_token *token)
{
    (void)data, (void)change, (void)token;
    pthread_mutex_lock(&lock);
    is_hanging = is_shut;
    pthread_cond_broadcast(&changed);
    while (is_shut) pthread_cond_wait(&changed, &lock);
    is_hanging = 0;
    pthread_mutex_unlock(&lock);
}

static void wait_until_it_hangs(void)
{
    pthread_mutex_lock(&lock);
    while (!is_hanging) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static csign_client *hanging_client(const char *dir)
{
    csign_config *config = config_of(dir, "boldsign-cc");
    csign_client *client;
    EXPECT(CSIGN_STATUS_OK, csign_config_set_listener(config, hang, NULL, NULL, &error));
    client = client_from(config);
    csign_config_free(config);
    return client;
}

static csign_cancel *new_cancel(void)
{
    csign_cancel *cancel = NULL;
    csign_error *error = NULL;
    must(csign_cancel_new(&cancel, &error), &error, "csign_cancel_new");
    return cancel;
}

/* Every call returns what its blocking form returns. */
static void each_call(const char *dir)
{
    const csign_status ok = CSIGN_STATUS_OK;
    csign_client *client = client_of(dir, "docusign-jwt");
    csign_login *login = NULL;
    csign_error *error = NULL;
    csign_token *kept;
    struct call call = {0};
    csign_call_options options = CSIGN_CALL_OPTIONS_INIT;

    EXPECT(ok, csign_client_token_start(client, NULL, done, &call, &error));
    wait_for(&call);
    kept = csign_token_share(csign_result_token(call.result));
    CHECK(csign_result_text(call.result) == NULL);
    ends(&call, ok);
    CHECK(strlen(csign_token_value(kept, NULL)) > 0);
    csign_token_free(kept);

    options.min_valid_ms = 60000;
    options.timeout_ms = 60000;
    EXPECT(ok, csign_client_token_start(client, &options, done, &call, &error));
    wait_for(&call);
    CHECK(csign_token_source(csign_result_token(call.result)) == CSIGN_SOURCE_CACHE);
    ends(&call, ok);

    EXPECT(ok, csign_client_refresh_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_token_source(csign_result_token(call.result)) == CSIGN_SOURCE_MINTED);
    ends(&call, ok);

    EXPECT(ok, csign_client_identity_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_text_field(csign_result_text(call.result), CSIGN_TEXT("base_uri"), NULL) != NULL);
    ends(&call, ok);

    EXPECT(ok, csign_client_events_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_text_value(csign_result_text(call.result), NULL)[0] == '[');
    ends(&call, ok);

    EXPECT(ok, csign_client_refresh_token_expires_at_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_result_refresh_token_expires_at(call.result) == -1);
    ends(&call, ok);

    read_cached_token(client);
    EXPECT(ok, csign_client_forget_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_result_revocation(call.result) != CSIGN_REVOCATION_FAILED);
    EXPECT_NOTHING(ok, csign_token, csign_client_peek(client, 0, &out, &error));
    ends(&call, ok);

    EXPECT(ok, csign_client_force_forget_start(client, NULL, done, &call, &error));
    wait_for(&call);
    CHECK(csign_result_revocation(call.result) == CSIGN_REVOCATION_NOTHING_HELD);
    ends(&call, ok);

    must(csign_client_start_login(client, CSIGN_TEXT("http://127.0.0.1/callback"), &login, &error), &error, "login");
    EXPECT(ok, csign_client_complete_login_start(client, login, CSIGN_TEXT("code=x&state=y"), NULL, done, &call, &error));
    csign_login_free(login);
    ends(&call, CSIGN_STATUS_CALLBACK);
    csign_client_free(client);
}

/* A wrong call fails at once, and `done` is never called. */
static void wrong_calls(const char *dir)
{
    const csign_status bad = CSIGN_STATUS_BAD_ARGUMENT;
    csign_client *client = client_of(dir, "boldsign-cc");
    csign_cancel *cancel = new_cancel();
    struct call call = {0};
    struct {
        csign_call_options known;
        uint64_t later;
    } newer = {CSIGN_CALL_OPTIONS_INIT, 0};
    csign_call_options options = {0, 0, 0, NULL};

    EXPECT(CSIGN_STATUS_NULL_ARGUMENT, csign_client_token_start(client, NULL, NULL, &call, &error));
    EXPECT(bad, csign_client_token_start(client, &options, done, &call, &error));
    options.size = sizeof options - 1;
    EXPECT(bad, csign_client_token_start(client, &options, done, &call, &error));
    options.size = sizeof options;
    options.min_valid_ms = 1;
    EXPECT(bad, csign_client_refresh_start(client, &options, done, &call, &error));
    options.min_valid_ms = 0;
    csign_cancel_free(cancel);
    options.cancel = cancel;
    EXPECT(CSIGN_STATUS_BAD_HANDLE, csign_client_token_start(client, &options, done, &call, &error));
    newer.known.size = sizeof newer;
    newer.later = 1;
    EXPECT(bad, csign_client_token_start(client, &newer.known, done, &call, &error));
    CHECK(call.count == 0);
    newer.later = 0;
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(client, &newer.known, done, &call, &error));
    ends(&call, CSIGN_STATUS_OK);

    csign_client_free(client);
    EXPECT(CSIGN_STATUS_BAD_HANDLE, csign_client_token_start(client, NULL, done, &call, &error));
    CHECK(call.count == 0);
}

/* A call that hangs ends by its timeout or when it is cancelled. The request continues. */
static void giving_up(const char *dir)
{
    csign_client *client = hanging_client(dir);
    csign_cancel *cancel = new_cancel();
    struct call first = {0}, second = {0}, third = {0};
    csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
    uint64_t count = 0;
    shut(1);
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(client, NULL, done, &first, &error));
    wait_until_it_hangs();
    options.timeout_ms = 1;
    /* It waits for the refresh. A call for a token would get the new one, which is cached by now. */
    EXPECT(CSIGN_STATUS_OK, csign_client_forget_start(client, &options, done, &second, &error));
    ends(&second, CSIGN_STATUS_TIMEOUT);
    options.timeout_ms = 0;
    options.cancel = cancel;
    EXPECT(CSIGN_STATUS_OK, csign_client_refresh_start(client, &options, done, &second, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_force_forget_start(client, &options, done, &third, &error));
    csign_cancel_set(cancel);
    ends(&second, CSIGN_STATUS_CANCELLED);
    ends(&third, CSIGN_STATUS_CANCELLED);
    /* It stays set. */
    EXPECT(CSIGN_STATUS_OK, csign_client_events_start(client, &options, done, &second, &error));
    ends(&second, CSIGN_STATUS_CANCELLED);
    csign_cancel_set(cancel);
    csign_cancel_free(cancel);
    csign_cancel_set(cancel);
    CHECK(first.count == 0);
    shut(0);
    ends(&first, CSIGN_STATUS_OK);
    EXPECT(CSIGN_STATUS_OK, csign_client_drain(client, 60000, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_count(client, CSIGN_COUNTER_MINTED, &count, &error));
    CHECK(count == 1);
    EXPECT(CSIGN_STATUS_OK, csign_client_count(client, CSIGN_COUNTER_FAILURES, &count, &error));
    CHECK(count == 0);
    csign_client_free(client);
}

/* Calls whose client is closed or freed end as they would have. */
static void without_a_client(const char *dir)
{
    csign_client *closed = hanging_client(dir), *freed;
    struct call call = {0}, other = {0};
    shut(1);
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(closed, NULL, done, &call, &error));
    wait_until_it_hangs();
    csign_client_close(closed);
    EXPECT(CSIGN_STATUS_CLOSED, csign_client_token_start(closed, NULL, done, &other, &error));
    shut(0);
    ends(&call, CSIGN_STATUS_OK);
    csign_client_free(closed);

    freed = hanging_client(dir);
    shut(1);
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(freed, NULL, done, &call, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_forget_start(freed, NULL, done, &other, &error));
    wait_until_it_hangs();
    csign_client_free(freed);
    shut(0);
    ends(&call, CSIGN_STATUS_OK);
    ends(&other, CSIGN_STATUS_OK);
    CHECK(other.count == 0);
}

/* `done` may start calls and free its client, but calls that wait return an error. */
static csign_client *own, *another;
static struct call last;

static void start_more(void *data, csign_result *result)
{
    csign_token *token = NULL;
    int64_t expires_at;
    uint64_t count;
    (void)data;
    CHECK(csign_result_status(result) == CSIGN_STATUS_OK);
    EXPECT(CSIGN_STATUS_REENTERED, csign_client_token(own, 0, &token, &error));
    EXPECT(CSIGN_STATUS_REENTERED, csign_client_refresh_token_expires_at(own, &expires_at, &error));
    EXPECT(CSIGN_STATUS_REENTERED, csign_client_drain(own, 0, &error));
    /* These don't wait. */
    EXPECT(CSIGN_STATUS_OK, csign_client_peek(own, 0, &token, &error));
    CHECK(token != NULL);
    csign_token_free(token);
    EXPECT(CSIGN_STATUS_OK, csign_client_count(own, 1, &count, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_invalidate(own, CSIGN_TEXT("x"), &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_token(another, 0, &token, &error));
    csign_token_free(token);
    EXPECT(CSIGN_STATUS_OK, csign_client_refresh_start(own, NULL, done, &last, &error));
    csign_client_free(own);
    EXPECT(CSIGN_STATUS_BAD_HANDLE, csign_client_check_saved(own, &error));
    csign_result_free(result);
}

static void in_done(const char *dir)
{
    own = client_of(dir, "boldsign-cc");
    another = client_of(dir, "boldsign-cc");
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(own, NULL, start_more, NULL, &error));
    ends(&last, CSIGN_STATUS_OK);
    csign_client_free(another);
}

/* In a child of fork, calls of the parent never end, and new ones work. */
static int child(const char *dir, csign_client *before, csign_cancel *cancel, const struct call *pending)
{
    csign_client *after;
    struct call call = {0};
    alarm(60);
    faults = 0;
    is_shut = 0;
    csign_cancel_set(cancel);
    EXPECT(CSIGN_STATUS_FORKED, csign_client_token_start(before, NULL, done, &call, &error));
    after = client_of(dir, "boldsign-cc");
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(after, NULL, done, &call, &error));
    ends(&call, CSIGN_STATUS_OK);
    csign_client_free(after);
    CHECK(pending->count == 0);
    return outcome_with_objects();
}

static void across_fork(const char *dir)
{
    csign_client *client = hanging_client(dir);
    csign_cancel *cancel = new_cancel();
    struct call call = {0}, next = {0};
    csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
    int status = -1;
    pid_t pid;
    options.cancel = cancel;
    shut(1);
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(client, &options, done, &call, &error));
    wait_until_it_hangs();
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        /* Like fork.c: memory of the parent's threads is lost here. */
        if (child(dir, client, cancel, &call) == 0) execl("/bin/true", "true", (char *)NULL);
        fflush(stdout);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(call.count == 0);
    shut(0);
    ends(&call, CSIGN_STATUS_OK);
    EXPECT(CSIGN_STATUS_OK, csign_client_token_start(client, &options, done, &next, &error));
    ends(&next, CSIGN_STATUS_OK);
    csign_cancel_free(cancel);
    csign_client_free(client);
}

/* Sixteen threads start and cancel calls. */
static csign_client *shared;
static atomic_int started, ended, wrong;

static void count(void *data, csign_result *result)
{
    csign_status status = csign_result_status(result);
    (void)data;
    if (status != CSIGN_STATUS_OK && status != CSIGN_STATUS_CANCELLED) ++wrong;
    csign_result_free(result);
    ++ended;
}

static void *start_and_cancel(void *index)
{
    int round;
    for (round = 0; round < ROUNDS; ++round) {
        csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
        csign_cancel *cancel = new_cancel();
        csign_status status;
        options.cancel = cancel;
        switch ((round + (int)(uintptr_t)index) % 3) {
        case 0: status = csign_client_refresh_start(shared, &options, count, NULL, NULL); break;
        case 1: status = csign_client_events_start(shared, &options, count, NULL, NULL); break;
        default: status = csign_client_token_start(shared, &options, count, NULL, NULL); break;
        }
        started += status == CSIGN_STATUS_OK;
        if (round % 2 == 0) csign_cancel_set(cancel);
        csign_cancel_free(cancel);
    }
    return NULL;
}

static void on_many_threads(const char *dir)
{
    pthread_t threads[THREADS];
    uintptr_t index;
    shared = client_of(dir, "boldsign-cc");
    for (index = 0; index < THREADS; ++index) pthread_create(&threads[index], NULL, start_and_cancel, (void *)index);
    for (index = 0; index < THREADS; ++index) pthread_join(threads[index], NULL);
    while (ended < started) sched_yield();
    csign_client_free(shared);
    wait_for_threads();
    CHECK(started == THREADS * ROUNDS);
    CHECK(ended == started);
    CHECK(wrong == 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    alarm(280);
    each_call(argv[1]);
    wrong_calls(argv[1]);
    giving_up(argv[1]);
    without_a_client(argv[1]);
    in_done(argv[1]);
    across_fork(argv[1]);
    on_many_threads(argv[1]);
    return outcome();
}
