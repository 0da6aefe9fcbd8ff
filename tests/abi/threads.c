/* Sixteen threads on one client: they share one request, and the client can be closed while they
 * use it. */

#include "check.h"
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 16
#define ROUNDS 200

static csign_client *client;
static pthread_barrier_t start;
static atomic_int got, wrong;
static char tokens[THREADS][4096];

static void share_one_request(const char *dir);
static void mix(const char *dir);
static void close_in_use(const char *dir);

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    pthread_barrier_init(&start, NULL, THREADS + 1);
    share_one_request(argv[1]);
    mix(argv[1]);
    close_in_use(argv[1]);
    pthread_barrier_destroy(&start);
    return outcome();
}

static void on_all(void *(*work)(void *), void (*meanwhile)(void))
{
    pthread_t threads[THREADS];
    uintptr_t index;
    for (index = 0; index < THREADS; ++index) pthread_create(&threads[index], NULL, work, (void *)index);
    pthread_barrier_wait(&start);
    meanwhile();
    for (index = 0; index < THREADS; ++index) pthread_join(threads[index], NULL);
}

static void nothing(void)
{
}

static void *ask_once(void *index)
{
    csign_token *token = NULL;
    pthread_barrier_wait(&start);
    if (csign_client_token(client, 0, &token, NULL) != CSIGN_STATUS_OK) {
        ++wrong;
        return NULL;
    }
    snprintf(tokens[(uintptr_t)index], sizeof tokens[0], "%s", csign_token_value(token, NULL));
    csign_token_free(token);
    return NULL;
}

static void share_one_request(const char *dir)
{
    uint64_t minted = 0;
    int index;
    client = client_of(dir, "docusign-jwt");
    on_all(ask_once, nothing);
    CHECK(wrong == 0);
    for (index = 1; index < THREADS; ++index) CHECK(strcmp(tokens[0], tokens[index]) == 0);
    EXPECT(CSIGN_STATUS_OK, csign_client_count(client, 3, &minted, &error));
    CHECK(minted == 1);
    csign_client_free(client);
}

/* Many different calls at the same time. Some of them invalidate the token that others use. */
static void *do_all_sorts(void *index)
{
    const int mine = (int)(uintptr_t)index;
    char buffer[4096];
    int round;
    pthread_barrier_wait(&start);
    for (round = 0; round < ROUNDS; ++round) {
        csign_token *token = NULL;
        csign_text *text = NULL;
        csign_error *error = NULL;
        size_t length = 0;
        uint64_t count = 0;
        csign_status status = CSIGN_STATUS_OK;
        switch ((round + mine) % 9) {
        case 0: status = csign_client_copy_token(client, 0, buffer, sizeof buffer, &length, &error); break;
        case 1: status = csign_client_peek_token(client, buffer, sizeof buffer, &length, &error); break;
        case 2: status = csign_client_count(client, 1 + round % 6, &count, &error); break;
        case 3: status = csign_client_events(client, &text, &error); break;
        case 4: status = csign_client_token(client, 60000, &token, &error); break;
        case 5: status = csign_client_copy_token(client, 0, buffer, 3, &length, NULL);
            if (status == CSIGN_STATUS_BUFFER_TOO_SMALL) status = CSIGN_STATUS_OK;
            break;
        case 6: status = csign_client_peek(client, round % 2 * 60000, &token, &error);
            if (token != NULL) {
                csign_token *share = csign_token_share(token);
                csign_token_free(token);
                token = share;
            }
            break;
        default: status = csign_client_token(client, 0, &token, &error); break;
        }
        if (token != NULL && mine == 0 && round % 20 == 0) {
            const char *value = csign_token_value(token, &length);
            status = csign_client_invalidate(client, value, length, &error);
        }
        if (status != CSIGN_STATUS_OK) {
            printf("%s: %s\n", csign_status_name(status), error != NULL ? csign_error_message(error, NULL) : "");
            ++wrong;
        }
        csign_error_free(error);
        csign_text_free(text);
        csign_token_free(token);
    }
    return NULL;
}

static void mix(const char *dir)
{
    client = client_of(dir, "boldsign-cc");
    on_all(do_all_sorts, nothing);
    CHECK(wrong == 0);
    csign_client_free(client);
}

static void *ask_until_closed(void *unused)
{
    csign_status status = CSIGN_STATUS_OK;
    (void)unused;
    pthread_barrier_wait(&start);
    while (status == CSIGN_STATUS_OK) {
        csign_token *token = NULL;
        csign_error *error = NULL;
        status = csign_client_token(client, 0, &token, &error);
        if (status == CSIGN_STATUS_OK) {
            ++got;
        } else if (status != CSIGN_STATUS_CLOSED) {
            check_status(CSIGN_STATUS_CLOSED, status, &error, "a call on a client that is closed", __FILE__, __LINE__);
            ++wrong;
        }
        csign_error_free(error);
        csign_token_free(token);
    }
    return NULL;
}

static void close_it(void)
{
    while (got < THREADS) {
        /* Let the threads get into the middle of their calls. */
    }
    csign_client_close(client);
}

static void close_in_use(const char *dir)
{
    const csign_status closed = CSIGN_STATUS_CLOSED;
    csign_token *kept;
    int64_t expires_at;
    client = client_of(dir, "boldsign-cc");
    kept = token_of(client);
    on_all(ask_until_closed, close_it);
    CHECK(wrong == 0);
    EXPECT_NOTHING(closed, csign_token, csign_client_token(client, 0, &out, &error));
    EXPECT_NOTHING(closed, csign_text, csign_client_events(client, &out, &error));
    EXPECT(closed, csign_client_refresh_token_expires_at(client, &expires_at, &error));
    EXPECT(closed, csign_client_check_saved(client, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_drain(client, 1000, &error));
    csign_client_close(client);
    csign_client_free(client);
    CHECK(csign_token_value(kept, NULL) != NULL);
    csign_token_free(kept);
}
